// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"os"
	"strings"
	"testing"
)

const (
	hybrid = "9:name=systemd:/a/tug-abc\n3:cpu,cpuacct:/pods/tug-abc\n2:memory:/pods/tug-abc/inner\n0::/user.slice\n"
	theirs = "/c/cpu,cpuacct/pods/tug-abc /c/cpu,cpuacct/pods/tug-abc /c/memory/pods/tug-abc /c/systemd/a/tug-abc"
	only2  = "0::/user.slice/tug-abc\n"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		lines      string
		unified    bool
		controller string
		dir        string
		v2         bool
		named      string
	}{
		{hybrid, false, "cpuacct", "/c/cpu,cpuacct/pods/tug-abc", false, theirs},
		{hybrid, false, "memory", "/c/memory/pods/tug-abc/inner", false, theirs},
		{hybrid, false, "pids", "/c/unified/user.slice", true, theirs},
		{hybrid, false, "systemd", "/c/systemd/a/tug-abc", false, theirs},
		{only2, true, "memory", "/c/user.slice/tug-abc", true, "/c/user.slice/tug-abc"},
		{"nonsense\n", true, "memory", "", true, ""},
	} {
		g, err := parse(tc.lines, "/c", tc.unified)
		if err != nil {
			t.Fatal(err)
		}
		if dir, v2 := g.dir(tc.controller); dir != tc.dir || v2 != tc.v2 {
			t.Errorf("%s of %q: %s, %v", tc.controller, tc.lines, dir, v2)
		}
		if named := strings.Join(g.named("abc"), " "); named != tc.named {
			t.Errorf("%q: named %s", tc.lines, named)
		}
		if named := g.named("xyz"); named != nil {
			t.Errorf("%q: %s are named xyz", tc.lines, named)
		}
	}
	for _, lines := range []string{"0::/../../x\n", "0::relative\n"} {
		if _, err := parse(lines, "/c", true); err == nil {
			t.Errorf("%q is accepted", lines)
		}
	}
}

// TestPids passes over a hierarchy that is not mounted.
func TestPids(t *testing.T) {
	root := write(t, map[string]string{
		"memory/tug-abc/cgroup.procs":       "7\n",
		"memory/tug-abc/inner/cgroup.procs": "8\n9\n",
		"memory/tug-xyz/cgroup.procs":       "10\n",
	})
	g, err := parse("3:cpu:/tug-abc\n2:memory:/tug-abc/inner\n", root, false)
	if err != nil {
		t.Fatal(err)
	}
	if pids, ok, err := g.Pids("abc"); err != nil || !ok || len(pids) != 3 {
		t.Errorf("%v, %v, %v", pids, ok, err)
	}
	if pids, ok, err := g.Pids("nobody"); err != nil || ok || pids != nil {
		t.Errorf("%v, %v, %v", pids, ok, err)
	}
}

func TestOf(t *testing.T) {
	if _, err := Of(os.Getpid()); err != nil {
		t.Error(err)
	}
	if _, err := Of(1 << 30); err == nil {
		t.Error("a process that is not there has cgroups")
	}
}
