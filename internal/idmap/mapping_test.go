// SPDX-License-Identifier: Apache-2.0

package idmap

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMapping(t *testing.T) {
	m := &Mapping{UIDs: []Range{{0, 1000, 10}, {100, 5000, 1}}, GIDs: []Range{{0, 2000, 200}}}
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	if uid, gid, ok := m.Host(100, 7); !ok || uid != 5000 || gid != 2007 {
		t.Errorf("host %d:%d, %v", uid, gid, ok)
	}
	if _, _, ok := m.Host(10, 7); ok {
		t.Error("10 is mapped")
	}
	if uid, gid := m.Inside(1009, 2199); uid != 9 || gid != 199 {
		t.Errorf("inside %d:%d", uid, gid)
	}
	if uid, gid := m.Inside(1010, 0); uid != Nobody || gid != Nobody {
		t.Errorf("inside %d:%d", uid, gid)
	}
	if uid, gid := m.Root(); uid != 1000 || gid != 2000 {
		t.Errorf("root %d:%d", uid, gid)
	}
	var none *Mapping
	if uid, gid, ok := none.Host(7, 8); !ok || uid != 7 || gid != 8 || !none.IsZero() || !none.Identity() {
		t.Errorf("none: %d:%d, %v", uid, gid, ok)
	}
	if m.Identity() || !(&Mapping{UIDs: []Range{{0, 0, 5}}, GIDs: []Range{{0, 0, 5}}}).Identity() {
		t.Error("identity")
	}
}

func TestRefused(t *testing.T) {
	good := []Range{{0, 1, 1}}
	for name, ranges := range map[string][]Range{
		"none": nil, "empty": {{0, 0, 0}}, "past the end": {{1, 1<<32 - 1, 2}}, "past the container's end": {{1<<32 - 1, 0, 2}},
		"overlap": {{0, 10, 5}, {4, 100, 5}}, "overlap of the host's": {{0, 10, 5}, {10, 14, 5}}, "many": make([]Range, Most+1),
	} {
		if err := (&Mapping{UIDs: ranges, GIDs: good}).Check(); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if err := (&Mapping{UIDs: good, GIDs: ranges}).Check(); err == nil {
			t.Errorf("%s: accepted for groups", name)
		}
	}
	for _, text := range []string{"", "1", "a:b:c", "-1:0:1", "0:0:4294967296", "1:2:3:4", "+0:1:2"} {
		if r, err := Parse(text); err == nil {
			t.Errorf("%q: %v", text, r)
		}
	}
	if r, err := Parse("5:6"); err != nil || r != (Range{5, 6, 1}) {
		t.Errorf("5:6: %v, %v", r, err)
	}
}

// TestNamespace makes namespaces and files in mapped mounts, from several
// goroutines at once.
func TestNamespace(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	m := &Mapping{UIDs: []Range{{0, 70000, 100}}, GIDs: []Range{{0, 80000, 100}}}
	for range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			namespace, err := m.Namespace()
			if err != nil {
				t.Fatal(err)
			}
			defer namespace.Close()
			of, err := Of(namespace)
			if err != nil || len(of.UIDs) != 1 || of.UIDs[0] != m.UIDs[0] || of.GIDs[0] != m.GIDs[0] {
				t.Fatalf("%+v, %v", of, err)
			}
			dir := t.TempDir()
			tree, err := Clone(dir, namespace)
			if err != nil {
				t.Fatal(err)
			}
			defer tree.Close()
			err = m.AsRoot(func() error {
				fd, err := unix.Openat(int(tree.Fd()), "file", unix.O_CREAT|unix.O_WRONLY, 0o644)
				if err != nil {
					return err
				}
				return unix.Close(fd)
			})
			if err != nil {
				t.Fatal(err)
			}
			var st unix.Stat_t
			if err := unix.Stat(filepath.Join(dir, "file"), &st); err != nil || st.Uid != 0 || st.Gid != 0 {
				t.Errorf("on the disk: %d:%d, %v", st.Uid, st.Gid, err)
			}
			if err := unix.Fstatat(int(tree.Fd()), "file", &st, 0); err != nil || st.Uid != 70000 || st.Gid != 80000 {
				t.Errorf("in the mount: %d:%d, %v", st.Uid, st.Gid, err)
			}
			// What ran as another has left nobody's ids behind.
			status, err := os.ReadFile("/proc/thread-self/status")
			if err != nil || !strings.Contains(string(status), "Uid:\t0\t0\t0\t0") {
				t.Errorf("%s, %v", status, err)
			}
		})
	}
}

// TestNoneLeft: the processes that namespaces are made with are gone.
func TestNoneLeft(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	namespace, err := (&Mapping{UIDs: []Range{{0, 70000, 1}}, GIDs: []Range{{0, 70000, 1}}}).Namespace()
	if err != nil {
		t.Fatal(err)
	}
	defer namespace.Close()
	if _, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		t.Errorf("children are left: %v", err)
	}
	if out, err := exec.Command("true").CombinedOutput(); err != nil {
		t.Errorf("a program cannot be started any more: %v %s", err, out)
	}
}
