// SPDX-License-Identifier: Apache-2.0

package rootfs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tug-containers/tug/internal/idmap"
	"github.com/tug-containers/tug/libstorage/rootfs"
	"golang.org/x/sys/unix"
)

// TestMapped: in a mapped overlay the host sees its own ids, and the disk has the
// container's, by each way of mounting.
func TestMapped(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	ids := &idmap.Mapping{UIDs: []idmap.Range{{Host: 300000, Size: 1000}}, GIDs: []idmap.Range{{Host: 400000, Size: 1000}}}
	for name, method := range map[string]rootfs.Method{"best": rootfs.Best, "attached": rootfs.MountCall} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeLayer(t, dir+"/one", layer{"etc/file": "one", "gone": "x", "dir/": ""})
			writeLayer(t, dir+"/two", layer{"etc/other": "two"})
			if err := os.Chown(dir+"/one/etc/file", 5, 6); err != nil {
				t.Fatal(err)
			}
			opts := rootfs.OverlayOptions{
				Base: dir, Lower: []string{"two", "one"}, Upper: dir + "/c/upper", Work: dir + "/c/work", Target: dir + "/run/merged",
				IDs: ids, Method: method,
			}
			fs := rootfs.NewOverlay(opts)
			merged, err := fs.Mount(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer fs.Remove()
			owner := func(path string, uid, gid uint32) {
				t.Helper()
				var st unix.Stat_t
				if err := unix.Lstat(path, &st); err != nil || st.Uid != uid || st.Gid != gid {
					t.Errorf("%s: %d:%d, %v; want %d:%d", path, st.Uid, st.Gid, err, uid, gid)
				}
			}
			owner(merged, 300000, 400000)
			owner(merged+"/etc/file", 300005, 400006)
			// As the container's root: create, copy up, hide.
			err = ids.AsRoot(func() error {
				if err := os.WriteFile(merged+"/etc/new", []byte("new"), 0o644); err != nil {
					return err
				}
				if err := os.Chmod(merged+"/etc/file", 0o600); err != nil {
					return err
				}
				return os.Remove(merged + "/gone")
			})
			if err != nil {
				t.Fatal(err)
			}
			owner(merged+"/etc/new", 300000, 400000)
			owner(dir+"/c/upper/etc/new", 0, 0)
			owner(dir+"/c/upper/etc/file", 5, 6)
			owner(dir+"/c/upper/gone", 0, 0)
			if err := os.WriteFile(merged+"/etc/host", nil, 0o644); err == nil {
				t.Error("the host's root, who has no number there, made a file")
			}
			if left, _ := filepath.Glob(dir + "/run/mapped/*"); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			if err := fs.Unmount(); err != nil {
				t.Fatal(err)
			}
			// Another container's ids see the same.
			opts.IDs = &idmap.Mapping{UIDs: []idmap.Range{{Host: 500000, Size: 1000}}, GIDs: []idmap.Range{{Host: 500000, Size: 1000}}}
			again := rootfs.NewOverlay(opts)
			if merged, err = again.Mount(t.Context()); err != nil {
				t.Fatal(err)
			}
			owner(merged+"/etc/new", 500000, 500000)
			owner(merged+"/etc/file", 500005, 500006)
			if err := again.Remove(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestMappedLeft: what a mount left that was killed half-way is taken away.
func TestMappedLeft(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	for _, name := range []string{"/run/merged", "/run/mapped/0", "/run/mapped/both", "/c/upper", "/c/work"} {
		if err := os.MkdirAll(dir+name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mount(dir+"/c", dir+"/run/mapped/both", "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	fs := rootfs.NewOverlay(rootfs.OverlayOptions{
		Upper: dir + "/c/upper", Work: dir + "/c/work", Target: dir + "/run/merged",
		IDs: &idmap.Mapping{UIDs: []idmap.Range{{Host: 1, Size: 1}}, GIDs: []idmap.Range{{Host: 1, Size: 1}}},
	})
	if err := fs.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(dir + "/run/mapped"); !os.IsNotExist(err) {
		t.Errorf("left: %v", err)
	}
}
