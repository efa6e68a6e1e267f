// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tug-containers/tug/libstorage"
	"golang.org/x/sys/unix"
)

func TestOpenSyncs(t *testing.T) {
	forEachDriver(t, func(t *testing.T, driver string) {
		for _, tc := range []struct {
			opts []string
			want string
		}{
			{nil, "filesystem"},
			{[]string{driver + ".sync=none"}, "none"},
		} {
			store := openStore(t, libstorage.Options{Driver: driver, DriverOptions: tc.opts})
			d, err := store.Library().GraphDriver()
			if err != nil {
				t.Fatal(err)
			}
			if mode := fmt.Sprint(d.SyncMode()); !strings.Contains(mode, tc.want) {
				t.Errorf("options %v: sync mode %s, want %s", tc.opts, mode, tc.want)
			}
		}
	})
}

func TestOpenPlaces(t *testing.T) {
	needRoot(t)
	root := t.TempDir()
	store := openStore(t, libstorage.Options{Root: root})
	if store.Root() != root || store.Driver() != "overlay" || store.ReadOnly() {
		t.Errorf("Root %s, Driver %s, ReadOnly %v", store.Root(), store.Driver(), store.ReadOnly())
	}
	if _, err := libstorage.Open(t.Context(), libstorage.Options{Root: t.TempDir(), RunRoot: t.TempDir(), Driver: "nonsense"}); err == nil {
		t.Error("an unknown driver is accepted")
	}
}

func TestOpenRefusesEmptyRecords(t *testing.T) {
	needRoot(t)
	for _, kind := range []string{"images", "layers"} {
		root := t.TempDir()
		store := openStore(t, libstorage.Options{Root: root})
		addImage(t, store, busybox("localhost/a:1"))
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		truncate(t, filepath.Join(root, "overlay-"+kind, kind+".json"))
		_, err := libstorage.Open(t.Context(), libstorage.Options{Root: root, RunRoot: t.TempDir()})
		if !errors.Is(err, libstorage.ErrDamaged) || !strings.Contains(err.Error(), kind+".json") {
			t.Errorf("empty %s.json: Open = %v; want ErrDamaged that names it", kind, err)
		}
	}
}

func TestDamagedImageHidesNoOther(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	good := addImage(t, store, busybox("localhost/good:1"))
	bad := addImage(t, store, recipe{Names: []string{"localhost/bad:1"}, Layers: []map[string]string{{"z": "z"}}})
	raw := filepath.Join(store.Root(), "overlay-images", bad, "manifest")
	truncate(t, raw)
	images, err := store.Images(t.Context())
	if err != nil || len(images) != 2 {
		t.Fatalf("Images = %v, %v", images, err)
	}
	for _, img := range images {
		if (img.ID == good) != (img.Err == nil) {
			t.Errorf("%v: Err = %v", img.Names, img.Err)
		}
		if img.ID == bad && !errors.Is(img.Err, libstorage.ErrDamaged) {
			t.Errorf("Err = %v, want ErrDamaged", img.Err)
		}
	}
	if _, err := store.Manifest(t.Context(), bad); !errors.Is(err, libstorage.ErrDamaged) {
		t.Errorf("Manifest = %v", err)
	}
}

func TestDamagedConfigIsNoticed(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	id := addImage(t, store, busybox("localhost/a:1"))
	entries, err := filepath.Glob(filepath.Join(store.Root(), "overlay-images", id, "=*"))
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	data, err := os.ReadFile(entries[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(entries[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Config(t.Context(), id); !errors.Is(err, libstorage.ErrDamaged) {
		t.Errorf("Config with a flipped bit = %v", err)
	}
}

func TestDamagedLayerLinksAreNoticed(t *testing.T) {
	needRoot(t)
	for _, file := range []string{"link", "lower"} {
		store := openStore(t, libstorage.Options{})
		id := addImage(t, store, busybox())
		img, err := store.Image(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		truncate(t, filepath.Join(store.Root(), "overlay", img.TopLayer, file))
		if _, err := store.LayerDirs(t.Context(), id); !errors.Is(err, libstorage.ErrDamaged) {
			t.Errorf("LayerDirs with an empty %s = %v", file, err)
		}
	}
}

func TestAdditionalStore(t *testing.T) {
	forEachDriver(t, func(t *testing.T, driver string) {
		shared := t.TempDir()
		id := addImage(t, openStore(t, libstorage.Options{Root: alias(t, shared), Driver: driver}), busybox("localhost/shared:1"))
		store := openStore(t, libstorage.Options{Driver: driver, DriverOptions: []string{"imagestore=" + shared}})
		images, err := store.Images(t.Context())
		if err != nil || len(images) != 1 || images[0].ID != id || !images[0].ReadOnly || images[0].Err != nil || images[0].Size <= 0 {
			t.Fatalf("Images = %+v, %v", images, err)
		}
		if driver == "overlay" {
			dirs, err := store.LayerDirs(t.Context(), id)
			if err != nil || len(dirs) != 2 || !strings.HasPrefix(dirs[0], shared+"/overlay/l/") {
				t.Errorf("LayerDirs = %v, %v", dirs, err)
			}
		}
		if err := store.Tag(t.Context(), id, "here:1"); err != nil {
			t.Fatal(err)
		}
		images, err = store.Images(t.Context())
		if err != nil || len(images) != 1 || images[0].ReadOnly || !slices.Contains(images[0].Names, "localhost/here:1") {
			t.Errorf("after a tag: %+v, %v", images, err)
		}
	})
}

func TestReadOnlyStore(t *testing.T) {
	needRoot(t)
	root := mountTmpfs(t, "size=16m")
	id := addImage(t, openStore(t, libstorage.Options{Root: alias(t, root)}), busybox("localhost/a:1", "localhost/b:1"))
	if err := unix.Mount("tmpfs", root, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	run := t.TempDir()
	store, err := libstorage.Open(t.Context(), libstorage.Options{Root: root, RunRoot: run})
	if err != nil {
		t.Fatal(err)
	}
	if !store.ReadOnly() || store.Root() != root || store.RunRoot() != run {
		t.Errorf("ReadOnly %v, Root %s, RunRoot %s", store.ReadOnly(), store.Root(), store.RunRoot())
	}
	if ids := imageIDs(t, store); !slices.Equal(ids, []string{id}) {
		t.Errorf("images = %v", ids)
	}
	if dirs, err := store.LayerDirs(t.Context(), id); err != nil || len(dirs) != 2 || !strings.HasPrefix(dirs[0], "overlay/l/") {
		t.Errorf("LayerDirs = %v, %v", dirs, err)
	}
	for what, err := range map[string]error{
		"Tag":    store.Tag(t.Context(), id, "x"),
		"Untag":  store.Untag(t.Context(), id, "a:1"),
		"Remove": onlyErr(store.Remove(t.Context(), "a:1", libstorage.RemoveOptions{})),
	} {
		if !errors.Is(err, libstorage.ErrReadOnly) || !strings.Contains(err.Error(), root) {
			t.Errorf("%s = %v; want ErrReadOnly that names the store", what, err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Join(run, "tug")); err != nil || len(left) != 0 {
		t.Errorf("left in the run root: %v, %v", left, err)
	}
}

func TestRemoveOnAFullDisk(t *testing.T) {
	for _, tc := range []struct{ name, opts, fill string }{
		{"no bytes", "size=96m,nr_inodes=100000", "bytes"},
		{"no inodes", "size=96m,nr_inodes=600", "inodes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			needRoot(t)
			root, run := mountTmpfs(t, tc.opts), t.TempDir()
			store := openStore(t, libstorage.Options{Root: root, RunRoot: run})
			addImage(t, store, busybox("localhost/a:1", "localhost/b:1"))
			addImage(t, store, recipe{Names: []string{"localhost/c:1"}, Layers: []map[string]string{{"c": "c"}}})
			if tc.fill == "bytes" {
				fillBytes(t, filepath.Join(root, "filler"))
			} else {
				fillInodes(t, filepath.Join(root, "filler"))
			}
			if err := store.Tag(t.Context(), "localhost/c:1", "more"); !errors.Is(err, unix.ENOSPC) {
				t.Fatalf("the disk is not full: Tag = %v", err)
			}
			for _, name := range []string{"a:1", "b:1", "c:1"} {
				if _, err := store.Remove(t.Context(), name, libstorage.RemoveOptions{}); err != nil {
					t.Fatalf("remove %s: %v", name, err)
				}
			}
			if ids := imageIDs(t, store); len(ids) != 0 {
				t.Errorf("left: %v", ids)
			}
			if layers, err := store.Library().Layers(); err != nil || len(layers) != 0 {
				t.Errorf("layers left: %v, %v", layers, err)
			}
		})
	}
}

// alias gives a directory another name. A process that has a lock file open
// for writing cannot have it for reading too, and knows it by its path.
func alias(t *testing.T, dir string) string {
	t.Helper()
	link := filepath.Join(t.TempDir(), "alias")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	return link
}

func mountTmpfs(t *testing.T, opts string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func fillBytes(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for chunk := make([]byte, 1<<20); ; {
		if _, err := f.Write(chunk); err != nil {
			if chunk = chunk[:len(chunk)/2]; len(chunk) == 0 {
				return
			}
		}
	}
}

func fillInodes(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o600); err != nil {
			return
		}
	}
}

func onlyErr[T any](_ T, err error) error { return err }
