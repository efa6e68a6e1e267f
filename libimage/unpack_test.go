// SPDX-License-Identifier: Apache-2.0

package libimage_test

import (
	"archive/tar"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tug-containers/tug/libimage"
	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/registry/hostile"
	"golang.org/x/sys/unix"
)

// TestUnpack: the confined process unpacks everything that a layer can have.
func TestUnpack(t *testing.T) {
	store, server := newStore(t), hostile.New(t, hostile.Options{})
	withXattr := images.File("cap", 0o755, "x")
	withXattr.Header.Format = tar.FormatPAX
	withXattr.Header.PAXRecords = map[string]string{
		"SCHILY.xattr.user.tug":            "yes",
		"SCHILY.xattr.security.capability": "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
	}
	built := smallImage(t, func(i *images.Image) {
		i.Layers = []images.Layer{
			{Entries: []images.Entry{
				images.Dir("gone", 0o755), images.File("gone/a", 0o644, "a"),
				images.Dir("opaque", 0o755), images.File("opaque/old", 0o644, "old"), images.File("removed", 0o644, "x"),
			}},
			{Entries: []images.Entry{
				images.File(".wh.removed", 0o600, ""), images.File(".wh.gone", 0o600, ""),
				images.Dir("opaque", 0o755), images.File("opaque/.wh..wh..opq", 0o600, ""), images.File("opaque/new", 0o644, "new"),
				images.File("plain", 0o4755, "plain").Owned(1000, 1001), images.Link("hard", "plain", 0o4755).Owned(1000, 1001), images.Symlink("soft", "/plain"),
				images.Device("null", 0o666, 1, 3), images.FIFO("fifo", 0o600), withXattr, images.Dir("sticky", 0o1777),
			}},
		}
	})
	got := mustPull(t, store, server.Add(built, "app"), libimage.PullOptions{Access: plain(t)})
	img, err := store.Image(t.Context(), got.ID)
	if err != nil {
		t.Fatal(err)
	}
	root, err := store.Library().Mount(img.TopLayer, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = store.Library().Unmount(img.TopLayer, true) })
	for _, name := range []string{"removed", "gone", "opaque/old"} {
		if _, err := os.Lstat(filepath.Join(root, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
	stat := func(name string) *syscall.Stat_t {
		t.Helper()
		info, err := os.Lstat(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		return info.Sys().(*syscall.Stat_t)
	}
	if s := stat("plain"); s.Uid != 1000 || s.Gid != 1001 || s.Mode&0o7777 != 0o4755 || s.Nlink != 2 || s.Ino != stat("hard").Ino {
		t.Errorf("plain: %+v", s)
	}
	if s := stat("null"); s.Mode != unix.S_IFCHR|0o666 || s.Rdev != unix.Mkdev(1, 3) {
		t.Errorf("null: %+v", s)
	}
	if s := stat("fifo"); s.Mode != unix.S_IFIFO|0o600 {
		t.Errorf("fifo: %+v", s)
	}
	if s := stat("sticky"); s.Mode&0o7777 != 0o1777 {
		t.Errorf("sticky: %o", s.Mode)
	}
	if target, err := os.Readlink(filepath.Join(root, "soft")); err != nil || target != "/plain" {
		t.Errorf("soft: %s %v", target, err)
	}
	for _, name := range []string{"user.tug", "security.capability"} {
		if n, err := unix.Getxattr(filepath.Join(root, "cap"), name, nil); err != nil || n == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if raw, err := os.ReadFile(filepath.Join(root, "opaque/new")); err != nil || string(raw) != "new" {
		t.Errorf("%s %v", raw, err)
	}
}

// TestUnpackEscapes: a layer that wants to write elsewhere does not.
func TestUnpackEscapes(t *testing.T) {
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir, file := filepath.Dir(victim), "victim"
	up := strings.Repeat("../", 20)
	for name, entries := range map[string][]images.Entry{
		"dot dot":        {images.File(up+victim[1:], 0o644, "yours")},
		"absolute":       {images.File(victim, 0o644, "yours")},
		"symlink dir":    {images.Symlink("d", dir), images.File("d/"+file, 0o644, "yours")},
		"symlink up":     {images.Symlink("d", up+dir[1:]), images.File("d/"+file, 0o644, "yours")},
		"hard link":      {images.Link("h", victim, 0o644), images.File("h", 0o644, "yours")},
		"hard link up":   {images.Link("h", up+victim[1:], 0o644), images.File("h", 0o644, "yours")},
		"whiteout":       {images.Symlink("d", dir), images.File("d/.wh."+file, 0o644, "")},
		"whiteout of ..": {images.File(".wh...", 0o644, "")},
	} {
		t.Run(name, func(t *testing.T) {
			store, server := newStore(t), hostile.New(t, hostile.Options{})
			built := smallImage(t, func(i *images.Image) { i.Layers = []images.Layer{{Entries: entries}} })
			ref := server.Add(built, "app")
			if _, err := libimage.Pull(t.Context(), store, ref, libimage.PullOptions{Access: plain(t)}); err != nil {
				unchanged(t, store, 0)
				oneLine(t, err, ref)
			}
			if raw, err := os.ReadFile(victim); err != nil || string(raw) != "mine" {
				t.Errorf("the victim: %q %v", raw, err)
			}
		})
	}
}

// TestWrongLayers: what does not belong together is refused before the image
// can be seen.
func TestWrongLayers(t *testing.T) {
	for name, edit := range map[string]func(*images.Image){
		"diff ID":      func(i *images.Image) { i.Layers[1].RawBlob = gz(t, "not the layer") },
		"not a tar":    func(i *images.Image) { i.Layers[1].RawTar = []byte(strings.Repeat("no tar ", 200)) },
		"not gzip":     func(i *images.Image) { i.Layers[1].RawBlob = []byte(strings.Repeat("no gzip ", 200)) },
		"config is []": func(i *images.Image) { i.RawConfig = []byte("[]") },
		"config deep": func(i *images.Image) {
			i.RawConfig = []byte(strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000))
		},
		"config is NUL": func(i *images.Image) { i.RawConfig = make([]byte, 100) },
	} {
		t.Run(name, func(t *testing.T) {
			store, server := newStore(t), hostile.New(t, hostile.Options{})
			ref := server.Add(smallImage(t, edit), "app")
			_, err := libimage.Pull(t.Context(), store, ref, libimage.PullOptions{Access: plain(t)})
			oneLine(t, err, ref)
			unchanged(t, store, 0)
		})
	}
}
