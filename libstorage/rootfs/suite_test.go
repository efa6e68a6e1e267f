// SPDX-License-Identifier: Apache-2.0

package rootfs_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/tug-containers/tug/libstorage/rootfs"
	"golang.org/x/sys/unix"
)

// twoLayers is enough for most tests: one file covered, one deep.
var twoLayers = []layer{
	{"lower": "below", "both": "below", "dir/deep": "below", "gone": "below"},
	{"upper": "above", "both": "above"},
}

func TestSuite(t *testing.T) {
	tests := map[string]func(t *testing.T, make maker){
		"layers":        testLayers,
		"write":         testWrite,
		"whiteout":      testWhiteout,
		"remount":       testRemount,
		"killed":        testKilled,
		"busy":          testBusy,
		"idempotent":    testIdempotent,
		"no layers":     testNoLayers,
		"120 layers":    testManyLayers,
		"cancelled":     testCancelled,
		"special files": testSpecialFiles,
	}
	for impl, make := range implementations(t) {
		for name, test := range tests {
			t.Run(impl+"/"+name, func(t *testing.T) { test(t, make) })
		}
	}
}

func mount(t *testing.T, fs rootfs.FS) string {
	t.Helper()
	path, err := fs.Mount(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func remove(t *testing.T, fs rootfs.FS) {
	t.Helper()
	if err := fs.Remove(); err != nil {
		t.Fatal(err)
	}
}

func wantFile(t *testing.T, path, want string) {
	t.Helper()
	if data, err := os.ReadFile(path); err != nil || string(data) != want {
		t.Errorf("%s = %q, %v; want %q", path, data, err, want)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func wantMissing(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v; want it missing", path, err)
	}
}

func testLayers(t *testing.T, make maker) {
	f := make(t, twoLayers)()
	root := mount(t, f)
	wantFile(t, root+"/lower", "below")
	wantFile(t, root+"/upper", "above")
	wantFile(t, root+"/both", "above")
	wantFile(t, root+"/dir/deep", "below")
	remove(t, f)
	wantMissing(t, root+"/lower")
}

func testWrite(t *testing.T, make maker) {
	again := make(t, twoLayers)
	f := again()
	root := mount(t, f)
	write(t, root+"/both", "mine")
	write(t, root+"/dir/new", "mine")
	wantFile(t, root+"/both", "mine")
	if f.Upper() != "" {
		wantFile(t, f.Upper()+"/dir/new", "mine")
	}
	remove(t, f)
	// Another container of the same layers does not see it.
	f = again()
	root = mount(t, f)
	wantFile(t, root+"/both", "above")
	wantMissing(t, root+"/dir/new")
	remove(t, f)
}

func testWhiteout(t *testing.T, make maker) {
	again := make(t, twoLayers)
	f := again()
	root := mount(t, f)
	if err := errors.Join(os.Remove(root+"/gone"), os.RemoveAll(root+"/dir"), os.Mkdir(root+"/dir", 0o755)); err != nil {
		t.Fatal(err)
	}
	wantMissing(t, root+"/gone")
	if err := f.Unmount(); err != nil {
		t.Fatal(err)
	}
	f = again()
	root = mount(t, f)
	wantMissing(t, root+"/gone")
	wantMissing(t, root+"/dir/deep") // an opaque directory now
	wantFile(t, root+"/lower", "below")
	remove(t, f)
}

func testRemount(t *testing.T, make maker) {
	f := make(t, twoLayers)()
	root := mount(t, f)
	write(t, root+"/kept", "mine")
	if err := f.Unmount(); err != nil {
		t.Fatal(err)
	}
	if f.Driver() == "overlay" {
		wantMissing(t, root+"/lower")
		if err := os.Remove(root); err != nil { // the mount point
			t.Fatal(err)
		}
	}
	wantFile(t, mount(t, f)+"/kept", "mine")
	remove(t, f)
}

// Somebody mounted it and was killed: another process takes all away.
func testKilled(t *testing.T, make maker) {
	again := make(t, twoLayers)
	root := mount(t, again())
	write(t, root+"/mine", "mine")
	f := again()
	remove(t, f)
	wantMissing(t, root+"/mine")
	if f.Upper() != "" {
		wantMissing(t, f.Upper())
	}
}

func testBusy(t *testing.T, make maker) {
	f := make(t, twoLayers)()
	root := mount(t, f)
	open, err := os.Open(root + "/both")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	err = f.Remove()
	if busy, ok := rootfs.Busy(err); ok {
		want := fmt.Sprintf("%d (", os.Getpid())
		if len(busy.Users) != 1 || !strings.HasPrefix(busy.Users[0], want) || !strings.Contains(err.Error(), root) {
			t.Errorf("Remove = %v; want one that names this process and %s", err, root)
		}
	} else if err != nil || f.Driver() == "overlay" {
		t.Errorf("Remove of a busy file system = %v", err)
	}
	wantMissing(t, root+"/both")
	if f.Driver() == "overlay" {
		wantMissing(t, root)
		wantMissing(t, f.Upper())
	}
}

func testIdempotent(t *testing.T, make maker) {
	f := make(t, twoLayers)()
	if err := f.Unmount(); err != nil {
		t.Errorf("Unmount before Mount: %v", err)
	}
	root := mount(t, f)
	if again := mount(t, f); again != root {
		t.Errorf("mounted again on %s; want %s", again, root)
	}
	if err := errors.Join(f.Unmount(), f.Unmount()); err != nil {
		t.Errorf("Unmount twice: %v", err)
	}
	if err := errors.Join(f.Remove(), f.Remove()); err != nil {
		t.Errorf("Remove twice: %v", err)
	}
}

func testNoLayers(t *testing.T, make maker) {
	f := make(t, nil)()
	root := mount(t, f)
	if entries, err := os.ReadDir(root); err != nil || len(entries) > 0 {
		t.Errorf("an image without layers has %v, %v", entries, err)
	}
	write(t, root+"/x", "y")
	remove(t, f)
}

func testManyLayers(t *testing.T, make maker) {
	if testing.Short() {
		t.Skip("short")
	}
	var layers []layer
	for i := range 120 {
		layers = append(layers, layer{"all": fmt.Sprint(i), fmt.Sprint("only", i): fmt.Sprint(i)})
	}
	f := make(t, layers)()
	root := mount(t, f)
	wantFile(t, root+"/all", "119")
	wantFile(t, root+"/only0", "0")
	wantFile(t, root+"/only60", "60")
	remove(t, f)
}

func testCancelled(t *testing.T, make maker) {
	f := make(t, twoLayers)()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Mount(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Mount = %v", err)
	}
	remove(t, f)
}

// What a container may leave, Remove deletes.
func testSpecialFiles(t *testing.T, make maker) {
	f := make(t, twoLayers)()
	root := mount(t, f)
	deep := root
	for range 40 {
		deep += "/" + strings.Repeat("d", 90)
	}
	err := errors.Join(
		unix.Mkfifo(root+"/fifo", 0o600), os.Symlink("/etc", root+"/link"), unix.Mknod(root+"/null", unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))),
		os.Mkdir(root+"/locked", 0), os.WriteFile(root+"/locked/x\n\x1b", nil, 0), os.MkdirAll(deep, 0o700),
	)
	if err != nil {
		t.Fatal(err)
	}
	remove(t, f)
	if f.Upper() != "" {
		wantMissing(t, f.Upper())
	}
	if _, err := os.Stat("/etc/passwd"); err != nil {
		t.Errorf("the host's file: %v", err)
	}
}
