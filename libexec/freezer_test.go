// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

func TestFreezerOf(t *testing.T) {
	const hybrid = "7:freezer:/a/tug-1\n4:memory:/m\n0::/u\n"
	for name, test := range map[string]struct {
		groups  string
		unified bool
		want    freezer
	}{
		"v1":                {"3:cpu,cpuacct:/c\n2:freezer:/a\n", false, freezer{"/cg/freezer", "/a", false}},
		"v1 with others":    {"3:devices,freezer:/c\n", false, freezer{"/cg/devices,freezer", "/c", false}},
		"hybrid":            {hybrid, false, freezer{"/cg/freezer", "/a/tug-1", false}},
		"v2 in a container": {"7:freezer:/no\n0::/u\n", true, freezer{"/cg", "/u", true}},
		"hybrid, v2 only":   {"4:memory:/m\n1:name=freezer:/no\n0::/u\n", false, freezer{"/cg/unified", "/u", true}},
		"v2":                {"0::/a:b\n", true, freezer{"/cg", "/a:b", true}},
		"none":              {"4:memory:/m\n", false, freezer{}},
		"garbage":           {"\n:::\nx\n0\n0:\n", true, freezer{}},
	} {
		if got := freezerOf(test.groups, "/cg", test.unified); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestFrozen(t *testing.T) {
	for name, test := range map[string]struct {
		unified       bool
		file, content string
		want          bool
	}{
		"v1 thawed":    {false, "freezer.state", "THAWED\n", false},
		"v1 freezing":  {false, "freezer.state", "FREEZING\n", true},
		"v1 frozen":    {false, "freezer.state", "FROZEN\n", true},
		"v1 root":      {false, "tasks", "", false},
		"v2 thawed":    {true, "cgroup.events", "populated 1\nfrozen 0\n", false},
		"v2 frozen":    {true, "cgroup.events", "populated 1\nfrozen 1\n", true},
		"v2 old":       {true, "cgroup.events", "populated 1\n", false},
		"v2 look-like": {true, "cgroup.events", "unfrozen 1\nfrozen 0\n", false},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, test.file), []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := (freezer{dir, "/", test.unified}).frozen(); err != nil || got != test.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// The kernel's own freezer, with a process in a cgroup below the container's.
func TestPaused(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	own, err := findFreezer(cgroupRoot, cgroup2(), os.Getpid())
	if err != nil || own.root == "" {
		t.Skipf("needs a cgroup freezer: %v", err)
	}
	id := "tugtest-freezer-" + strconv.Itoa(os.Getpid())
	dir := filepath.Join(own.root, id)
	t.Cleanup(func() {
		if err := removeCgroup(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.MkdirAll(filepath.Join(dir, "inner"), 0o755); err != nil {
		t.Skipf("needs a cgroup that can be written: %v", err)
	}
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	write := func(file, word string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, file), []byte(word), 0); err != nil {
			t.Fatal(err)
		}
	}
	paused := func() bool {
		t.Helper()
		is, err := Paused(pid)
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	if paused() {
		t.Error("a process in our own cgroup is paused")
	}
	write("inner/cgroup.procs", strconv.Itoa(pid))
	if own.unified {
		write("cgroup.freeze", "1")
	} else {
		write("freezer.state", "FROZEN")
	}
	eventually(t, time.Minute, "it is paused", paused)
	if err := Thaw("of-another", pid); err != nil || !paused() {
		t.Errorf("another container is thawed: %v", err)
	}
	if err := Thaw(id, pid); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "it is thawed", func() bool { return !paused() })
	if err := Freeze(t.Context(), "of-another", pid); !errors.Is(err, ErrNoFreezer) || paused() {
		t.Errorf("another container is frozen: %v", err)
	}
	if err := Freeze(t.Context(), id, pid); err != nil || !paused() {
		t.Errorf("frozen: %v", err)
	}
	if err := Thaw(id, pid); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if _, err := Paused(pid); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a process that is gone: %v", err)
	}
	if err := Thaw(id, pid); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a process that is gone: %v", err)
	}
}
