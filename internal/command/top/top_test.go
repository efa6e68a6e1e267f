// SPDX-License-Identifier: Apache-2.0

package top

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestColumns(t *testing.T) {
	p, err := read(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	p.view = &view{now: time.Now(), booted: time.Now().Add(-uptime()), inside: map[int]string{}, owners: readOwners(os.Getpid())}
	for name, c := range columns() {
		if cell := c.cell(p); cell == "" && !strings.HasSuffix(name, "groups") {
			t.Errorf("%s is empty", name)
		}
	}
	if e := p.elapsed(); e > time.Hour {
		t.Errorf("this test runs for %v", e)
	}
	if pid := columns()["hpid"].cell(p); pid == "0" || columns()["ppid"].cell(p) != "0" {
		t.Errorf("pid %s, parent %s", pid, columns()["ppid"].cell(p))
	}
}

func TestParseColumns(t *testing.T) {
	for _, args := range [][]string{nil, {"pid"}, {"pid,user", "%C", "args"}} {
		if _, err := parseColumns(args); err != nil {
			t.Errorf("%q: %v", args, err)
		}
	}
	for _, args := range [][]string{{"-ef"}, {"aux"}, {"pid,,user"}, {"PID"}} {
		if _, err := parseColumns(args); err == nil {
			t.Errorf("%q are accepted", args)
		}
	}
}

func TestNames(t *testing.T) {
	names := parseNames("root:x:0:0::/:/bin/sh\nadmin:x:0:0::/:\nbroken\n:x:5:\nuser:x:1000:1000:a:b:c\n")
	if names["0"] != "root" || names["1000"] != "user" || named(names, "7") != "7" || named(names, "5") != "5" {
		t.Errorf("%v", names)
	}
	ranges := []idRange{{0, 100000, 1000}, {1000, 5, 1}}
	for id, want := range map[string]string{"100000": "0", "100999": "999", "101000": "nobody", "5": "1000", "?": "?"} {
		if got := inside(ranges, id); got != want {
			t.Errorf("%s inside is %s, want %s", id, got, want)
		}
	}
}

func TestCapabilities(t *testing.T) {
	for hex, want := range map[string]string{
		"0000000000000000": "none", "0000000000000001": "CHOWN", "0000000000000021": "CHOWN,KILL", "000001ffffffffff": "full", "": "?",
	} {
		if got := capabilities(hex); got != want {
			t.Errorf("%s is %s, want %s", hex, got, want)
		}
	}
}

func FuzzNames(f *testing.F) {
	f.Add("root:x:0:0\n")
	f.Fuzz(func(t *testing.T, file string) {
		for id, name := range parseNames(file) {
			if strings.Contains(id+name, "\n") {
				t.Errorf("%q: %q", id, name)
			}
		}
	})
}
