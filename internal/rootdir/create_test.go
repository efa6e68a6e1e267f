// SPDX-License-Identifier: Apache-2.0

package rootdir_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/tug-containers/tug/internal/rootdir"
)

func TestMkdirAll(t *testing.T) {
	root, dir, canary := tree(t)
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = 1000, 100
	}
	link(t, canary, filepath.Join(dir, "out"))
	link(t, "etc", filepath.Join(dir, "in"))
	link(t, "/nothing", filepath.Join(dir, "dangling"))
	write(t, filepath.Join(dir, "file"), "", 0o644)
	for _, name := range []string{"/a/b/c", "x", "/in/y/z", "/../../q", "/", "."} {
		if err := root.MkdirAll(name, 0o755, uid, gid); err != nil {
			t.Errorf("MkdirAll(%s): %v", name, err)
		}
	}
	for _, name := range []string{"a", "a/b", "a/b/c", "x", "etc/y", "etc/y/z", "q"} {
		var st syscall.Stat_t
		if err := syscall.Lstat(filepath.Join(dir, name), &st); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if st.Mode&0o777 != 0o755 || int(st.Uid) != uid || int(st.Gid) != gid {
			t.Errorf("%s: mode %o, owner %d:%d", name, st.Mode&0o777, st.Uid, st.Gid)
		}
	}
	if st, err := os.Stat(filepath.Join(dir, "etc")); err != nil || int(st.Sys().(*syscall.Stat_t).Uid) != os.Getuid() {
		t.Error("a directory that was there changed its owner")
	}
	for name, want := range map[string]error{
		"/dangling": rootdir.ErrDangling, "/dangling/x": rootdir.ErrDangling, "/out": rootdir.ErrDangling, "/out/x": rootdir.ErrDangling,
		"/file": rootdir.ErrNotDirectory, "/file/x": syscall.ENOTDIR,
	} {
		if err := root.MkdirAll(name, 0o755, uid, gid); !errors.Is(err, want) {
			t.Errorf("MkdirAll(%s): %v; want %v", name, err, want)
		}
	}
	if entries, err := os.ReadDir(canary); err != nil || len(entries) != 1 {
		t.Errorf("the canary has %v, %v", entries, err)
	}
}

func TestResolve(t *testing.T) {
	root, dir, canary := tree(t)
	write(t, filepath.Join(dir, "usr/bin/sh"), "", 0o755)
	link(t, "usr/bin", filepath.Join(dir, "bin"))
	link(t, "/bin", filepath.Join(dir, "usr/abs"))
	link(t, canary, filepath.Join(dir, "out"))
	link(t, "a", filepath.Join(dir, "b"))
	link(t, "b", filepath.Join(dir, "a"))
	link(t, "/mnt/x", filepath.Join(dir, "to-mnt"))
	link(t, "../../../../../etc", filepath.Join(dir, "up"))
	cover := func(p string) bool { return p == "/mnt" }
	for _, tc := range []struct {
		name, want     string
		found, covered bool
	}{
		{"/", "/", true, false}, {"", "/", true, false}, {"/bin/sh", "/usr/bin/sh", true, false}, {"/usr/abs/sh", "/usr/bin/sh", true, false},
		{"/usr/../bin/./sh", "/usr/bin/sh", true, false}, {"//bin//sh", "/usr/bin/sh", true, false}, {"/../..", "/", true, false},
		{"/out/secret", canary + "/secret", false, false}, {"/none/x/y", "/none/x/y", false, false}, {"/up", "/etc", true, false},
		{"/mnt", "/mnt", false, true}, {"/to-mnt/y", "/mnt/x/y", false, true}, {"/mnt/../etc", "/etc", false, true},
	} {
		got, found, covered, err := root.Resolve(tc.name, cover)
		if err != nil || got != tc.want || found != tc.found || covered != tc.covered {
			t.Errorf("Resolve(%s) = %s, found %v, covered %v, %v", tc.name, got, found, covered, err)
		}
	}
	if _, _, _, err := root.Resolve("/a/x", nil); !errors.Is(err, rootdir.ErrLoop) {
		t.Errorf("a loop: %v", err)
	}
	if _, _, _, err := root.Resolve("/usr/bin/sh/x", nil); err == nil {
		t.Error("a file as a directory is resolved")
	}
}

func TestLookPath(t *testing.T) {
	root, dir, _ := tree(t)
	write(t, filepath.Join(dir, "bin/sh"), "", 0o755)
	write(t, filepath.Join(dir, "first/plain"), "", 0o644)
	write(t, filepath.Join(dir, "bin/plain"), "", 0o755)
	write(t, filepath.Join(dir, "first/only"), "", 0o644)
	write(t, filepath.Join(dir, "work/tool"), "", 0o755)
	for _, tc := range []struct{ command, path, cwd, want string }{
		{"sh", "/none:/bin", "/", "/bin/sh"}, {"plain", "/first:/bin", "/", "/bin/plain"}, {"/bin/sh", "", "/", "/bin/sh"},
		{"./tool", "/bin", "/work", "/work/tool"}, {"../bin/sh", "", "/work", "/bin/sh"}, {"tool", "", "/work", "/work/tool"}, {"tool", "work", "/", "/work/tool"},
	} {
		if got, err := root.LookPath(tc.command, tc.path, tc.cwd); err != nil || got != tc.want {
			t.Errorf("%+v: %s, %v", tc, got, err)
		}
	}
	if got, err := root.LookPath("only", "/first:/bin", "/"); !errors.Is(err, os.ErrPermission) || got != "/first/only" {
		t.Errorf("not executable: %s, %v", got, err)
	}
	if _, err := root.LookPath("none", "/first:/bin", "/"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("not there: %v", err)
	}
}
