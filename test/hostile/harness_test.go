// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// recorder notes what a check finds wrong.
type recorder struct {
	testing.TB
	found []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.found = append(r.found, fmt.Sprintf(format, args...))
}

func (r *recorder) wants(t *testing.T, what, part string) {
	t.Helper()
	if !strings.Contains(strings.Join(r.found, "\n"), part) {
		t.Errorf("%s: not found out: %q", what, r.found)
	}
}

// TestChecksCanFail does each thing that no case may do.
func TestChecksCanFail(t *testing.T) {
	t.Parallel()
	p := settle(t)
	for what, c := range map[string]struct {
		script, part string
	}{
		"nothing":           {"true", ""},
		"read":              {"cat CANARY/file", "opened"},
		"listed":            {"ls CANARY/sub", "opened"},
		"written":           {"echo x >>CANARY/sub/file", "written"},
		"created":           {"touch CANARY/new", "created"},
		"deleted":           {"rm CANARY/hosts", "deleted"},
		"mode changed":      {"chmod 600 CANARY/file", "changed"},
		"FIFO read":         {"timeout 1 cat CANARY/fifo", "FIFO"},
		"replaced by a dir": {"rm CANARY/file; mkdir CANARY/file", "the canary changed"},
	} {
		c.script = strings.ReplaceAll(c.script, "CANARY", p.canary)
		watched := newCanary(t, p.canary)
		_ = exec.Command("sh", "-c", c.script).Run()
		r := &recorder{TB: t}
		watched.check(r)
		must(t, os.RemoveAll(p.canary))
		if c.part == "" && len(r.found) > 0 {
			t.Errorf("%s: %q", what, r.found)
		}
		r.wants(t, what, c.part)
	}
	t.Run("left", func(t *testing.T) {
		left := filepath.Join(p.home.Root, "overlay", "left")
		must(t, os.Mkdir(left, 0o700))
		must(t, unix.Mount("tmpfs", left, "tmpfs", 0, ""))
		must(t, os.WriteFile(filepath.Join(p.tmp, "temporary"), nil, 0o600))
		sleep := exec.Command("sleep", "60")
		sleep.Env = p.home.Environ()
		must(t, sleep.Start())
		r := &recorder{TB: t}
		p.checkLeft(r) // and it is taken away
		_ = sleep.Wait()
		r.wants(t, "a directory", "left: d--------- "+left)
		r.wants(t, "a temporary file", "temporary")
		r.wants(t, "a mount", "left mounted: "+left)
		r.wants(t, "a process", "sleep 60")
		must(t, os.Remove(left))
		must(t, os.Remove(filepath.Join(p.tmp, "temporary")))
		r = &recorder{TB: t}
		if p.checkLeft(r); len(r.found) > 0 {
			t.Errorf("nothing left: %q", r.found)
		}
	})
	t.Run("bounds", func(t *testing.T) {
		for what, c := range map[string]call{
			"time":   {args: []string{"/bin/sleep", "30"}, time: 100 * time.Millisecond},
			"memory": {args: []string{"/bin/sh", "-c", "x=$(head -c 400000000 /dev/zero | tr '\\0' x); sleep 5"}},
			"disk":   {args: []string{"/bin/sh", "-c", "head -c 50000000 /dev/zero >" + p.tmp + "/large; sleep 5"}},
		} {
			r := &recorder{TB: t}
			p.call(r, c)
			r.wants(t, what, "U2")
		}
		must(t, os.Remove(filepath.Join(p.tmp, "large")))
	})
	for what, c := range map[string]struct {
		is   result
		part string
	}{
		"another code":         {result{code: 1, stderr: "Error: x: no\n"}, "exit code 1"},
		"two lines":            {result{code: 125, stderr: "Error: x: no\nmore\n"}, "not one line"},
		"no error":             {result{code: 125}, "not one line"},
		"another object":       {result{code: 125, stderr: "Error: y: no\n"}, "does not name"},
		"stdout":               {result{code: 125, stderr: "Error: x: no\n", stdout: "x\n"}, "stdout"},
		"a very long line":     {result{code: 125, stderr: "Error: x: " + strings.Repeat("no", 5000) + "\n"}, "a line of"},
		"a panic":              {result{code: 2, stderr: "panic: x\n\ngoroutine 1 [running]:\n"}, "panic"},
		"an escape":            {result{code: 125, stderr: "Error: x: \x1b[31m\n"}, "U6"},
		"C1":                   {result{code: 125, stderr: "Error: x: \u009b\n"}, "U6"},
		"text that turns":      {result{code: 0, stdout: "x\u202e\n"}, "U6"},
		"text that is no text": {result{code: 0, stdout: "x\xff\n"}, "U6"},
	} {
		c.is.args = []string{"tug-x"}
		r := &recorder{TB: t}
		c.is.sane(r)
		c.is.fails(r, 125, "x:")
		r.wants(t, what, c.part)
	}
	r := &recorder{TB: t}
	right := &result{args: []string{"tug-x"}, code: 125, stderr: "Error: x: no\n"}
	right.sane(r)
	if right.fails(r, 125, "x:"); len(r.found) > 0 {
		t.Errorf("what is right: %q", r.found)
	}
}
