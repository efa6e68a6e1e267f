// SPDX-License-Identifier: Apache-2.0

package rootfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tug-containers/tug/libstorage/rootfs"
	"golang.org/x/sys/unix"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("condition root: mounts need it")
	}
}

func TestReadOnlyImage(t *testing.T) {
	needRoot(t)
	for _, method := range []rootfs.Method{rootfs.NewAPI, rootfs.MountCall} {
		for _, layers := range [][]layer{twoLayers, twoLayers[:1]} {
			dir := t.TempDir()
			opts := rootfs.OverlayOptions{Base: dir, Target: dir + "/merged", Method: method}
			for i, l := range layers {
				name := string(rune('a' + i))
				writeLayer(t, filepath.Join(dir, name), l)
				opts.Lower = append([]string{name}, opts.Lower...)
			}
			f := rootfs.NewOverlay(opts)
			root := mount(t, f)
			wantFile(t, root+"/lower", "below")
			if err := os.WriteFile(root+"/x", nil, 0o644); !errors.Is(err, unix.EROFS) {
				t.Errorf("write = %v; want %v", err, unix.EROFS)
			}
			remove(t, f)
			wantMissing(t, dir+"/merged")
			wantFile(t, dir+"/a/lower", "below")
		}
	}
}

func TestMountOptions(t *testing.T) {
	needRoot(t)
	for _, method := range []rootfs.Method{rootfs.NewAPI, rootfs.MountCall} {
		dir := t.TempDir()
		writeLayer(t, dir+"/a", twoLayers[0])
		opts := rootfs.OverlayOptions{
			Lower: []string{dir + "/a"}, Upper: dir + "/u", Work: dir + "/w", Target: dir + "/m", Method: method,
			Options: []string{"nodev", "nosuid", "metacopy=on", "redirect_dir=on", ""},
		}
		f := rootfs.NewOverlay(opts)
		line := mountinfo(t, mount(t, f))
		for _, want := range []string{"nodev", "nosuid", "metacopy=on"} {
			if !strings.Contains(line, want) {
				t.Errorf("%s: not in %s", want, line)
			}
		}
		remove(t, f)
		for _, bad := range []string{"lowerdir=/etc", "upperdir=/etc", "workdir=/x", "lowerdir+=/etc", "x,lowerdir=/etc", "a b", "no-such-option=1"} {
			opts.Options = []string{bad}
			if _, err := rootfs.NewOverlay(opts).Mount(t.Context()); err == nil {
				t.Errorf("option %q was taken", bad)
			}
		}
		opts.Options = nil
		remove(t, rootfs.NewOverlay(opts))
	}
}

func mountinfo(t *testing.T, target string) string {
	t.Helper()
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, " "+target+" ") {
			return line
		}
	}
	t.Fatalf("%s is not mounted", target)
	return ""
}

// The error of a mount names what the kernel did not like.
func TestMountErrors(t *testing.T) {
	needRoot(t)
	for _, method := range []rootfs.Method{rootfs.Best, rootfs.NewAPI, rootfs.MountCall} {
		dir := t.TempDir()
		opts := rootfs.OverlayOptions{
			Lower: []string{dir + "/no-such-layer"}, Upper: dir + "/u", Work: dir + "/w", Target: dir + "/m", Method: method,
		}
		_, err := rootfs.NewOverlay(opts).Mount(t.Context())
		if err == nil || !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), dir+"/m") {
			t.Errorf("method %d: missing layer: %v", method, err)
		}
		opts.Lower, opts.Work = []string{dir}, ""
		if _, err := rootfs.NewOverlay(opts).Mount(t.Context()); err == nil {
			t.Errorf("method %d: an upper directory without a work directory was taken", method)
		}
	}
}

// The container's / has the mode and the owner that it has in the image.
func TestRootMode(t *testing.T) {
	needRoot(t)
	defer unix.Umask(unix.Umask(0o077))
	dir := t.TempDir()
	writeLayer(t, dir+"/a", twoLayers[0])
	if err := errors.Join(os.Chmod(dir+"/a", 0o751|os.ModeSticky), os.Chown(dir+"/a", 7, 8)); err != nil {
		t.Fatal(err)
	}
	f := rootfs.NewOverlay(rootfs.OverlayOptions{Lower: []string{dir + "/a"}, Upper: dir + "/c/u", Work: dir + "/c/w", Target: dir + "/m"})
	defer remove(t, f)
	var st unix.Stat_t
	if err := unix.Stat(mount(t, f), &st); err != nil || st.Mode&0o7777 != 0o1751 || st.Uid != 7 || st.Gid != 8 {
		t.Errorf("/ has mode %o, owner %d:%d, %v", st.Mode&0o7777, st.Uid, st.Gid, err)
	}
	if err := unix.Stat(dir+"/c", &st); err != nil || st.Mode&0o777 != 0o700 {
		t.Errorf("the directory of the container has mode %o, %v", st.Mode&0o777, err)
	}
}

// After a crash in the middle a volatile overlay mounts again.
func TestVolatileAgain(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	writeLayer(t, dir+"/a", twoLayers[0])
	opts := rootfs.OverlayOptions{Lower: []string{dir + "/a"}, Upper: dir + "/u", Work: dir + "/w", Target: dir + "/m", Volatile: true}
	write(t, mount(t, rootfs.NewOverlay(opts))+"/x", "1")
	if err := rootfs.Unmount(dir + "/m"); err != nil {
		t.Fatal(err)
	}
	f := rootfs.NewOverlay(opts)
	wantFile(t, mount(t, f)+"/x", "1")
	remove(t, f)
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/x", "1")
	f := rootfs.Directory(dir)
	if root := mount(t, f); root != dir {
		t.Errorf("mounted on %s", root)
	}
	remove(t, f)
	wantFile(t, dir+"/x", "1")
	for _, bad := range []string{dir + "/x", dir + "/none"} {
		if _, err := rootfs.Directory(bad).Mount(t.Context()); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestRemoveTree(t *testing.T) {
	dir := t.TempDir()
	if err := rootfs.RemoveTree(dir + "/none"); err != nil {
		t.Errorf("nothing there: %v", err)
	}
	// Deeper than there are descriptors, and than a path can name.
	deep := dir + "/deep"
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(deep, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	for i := 0; err == nil && i < 5000; i++ {
		var next int
		if err = unix.Mkdirat(fd, "d", 0o700); err == nil {
			next, err = unix.Openat(fd, "d", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
		unix.Close(fd)
		fd = next
	}
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	if err := rootfs.RemoveTree(deep); err != nil {
		t.Error(err)
	}
	wantMissing(t, deep)
}

// A tree may have the names already that its deep parts are moved to.
func TestRemoveTreeOfOddNames(t *testing.T) {
	for _, first := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} { // ext4 lists them in an order of its own
		dir := t.TempDir() + "/tree"
		for i := range 4 {
			if err := os.MkdirAll(dir+"/.tug-deep-"+strconv.Itoa(i)+"/x", 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.MkdirAll(dir+"/"+first+strings.Repeat("/d", 300), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := rootfs.RemoveTree(dir); err != nil {
			t.Error(err)
		}
		wantMissing(t, dir)
	}
}

// What is mounted in a tree stays, whatever it is.
func TestRemoveTreeStopsAtMounts(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	writeLayer(t, dir+"/precious", layer{"x": "1"})
	writeLayer(t, dir+"/tree", layer{"a": "1", "mnt/": "", "z/mnt/": ""})
	for _, target := range []string{dir + "/tree/mnt", dir + "/tree/z/mnt"} {
		if err := unix.Mount(dir+"/precious", target, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
		defer unix.Unmount(target, unix.MNT_DETACH)
	}
	if err := os.Symlink(dir+"/precious", dir+"/tree/link"); err != nil {
		t.Fatal(err)
	}
	if err := rootfs.RemoveTree(dir + "/tree"); !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.EXDEV) {
		t.Errorf("RemoveTree = %v", err)
	}
	wantFile(t, dir+"/precious/x", "1")
}
