// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tug-containers/tug/libstorage"
	"golang.org/x/sys/unix"
)

// persist makes a persistent container that nobody holds.
func persist(t *testing.T, store *libstorage.Store, image, name string) libstorage.ContainerInfo {
	t.Helper()
	c, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Name: name, ImageID: image})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Ready(t.Context()), c.Close()); err != nil {
		t.Fatal(err)
	}
	info, err := store.Container(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// A record that cannot be read is that container's problem and nobody else's;
// the container can be removed.
func TestDamagedRecord(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	image := addImage(t, store, busybox())
	good := persist(t, store, image, "good")
	for name, damage := range map[string]func(path string) error{
		"empty":     func(path string) error { return os.Truncate(path, 0) },
		"cut":       func(path string) error { return os.Truncate(path, 40) },
		"missing":   os.Remove,
		"huge":      func(path string) error { return os.Truncate(path, 1<<40) },
		"another's": func(path string) error { return copyFile(good.Dir+"/record.json", path) },
		"garbage":   func(path string) error { return os.WriteFile(path, []byte("\xff\x00{"), 0o600) },
		"directory": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
		"fifo":      func(path string) error { return errors.Join(os.Remove(path), unix.Mkfifo(path, 0o600)) },
		"symlink": func(path string) error {
			return errors.Join(os.Remove(path), os.Symlink(good.Dir+"/record.json", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			bad := persist(t, store, image, "bad")
			if err := damage(filepath.Join(bad.Dir, "record.json")); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			list, err := store.Containers(t.Context())
			if err != nil || len(list) != 2 {
				t.Fatalf("Containers = %v, %v", list, err)
			}
			for _, info := range list {
				if isBad := info.Record.ID == bad.Record.ID; isBad != errors.Is(info.Err, libstorage.ErrDamaged) {
					t.Errorf("%s: %v", info.Record.ID, info.Err)
				}
			}
			if info, err := store.Container(t.Context(), "good"); err != nil || info.Err != nil {
				t.Errorf("the other one: %v, %v", err, info.Err)
			}
			if _, err := store.OpenContainer(t.Context(), bad.Record.ID); !errors.Is(err, libstorage.ErrDamaged) || !strings.Contains(err.Error(), bad.Record.ID) {
				t.Errorf("OpenContainer = %v", err)
			}
			if _, err := store.Sweep(t.Context(), nil); err != nil {
				t.Error(err)
			}
			if err := store.RemoveContainer(t.Context(), bad.Record.ID, nil); err != nil {
				t.Errorf("remove: %v", err)
			}
			if _, err := os.Lstat(bad.Dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is left", bad.Dir)
			}
			if time.Since(began) > time.Minute {
				t.Error("it took too long")
			}
		})
	}
	if err := store.RemoveContainer(t.Context(), good.Record.ID, nil); err != nil {
		t.Error(err)
	}
	wantNothingLeft(t, store)
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}

// A record of a newer format is shown and never written nor removed.
func TestNewerRecord(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	image := addImage(t, store, busybox())
	info := persist(t, store, image, "one")
	path := info.Dir + "/record.json"
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	newer := strings.Replace(string(old), `"format":1`, `"format":2`, 1)
	if err := os.WriteFile(path, []byte(newer), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := store.Container(t.Context(), "one")
	if err != nil || !errors.Is(got.Err, libstorage.ErrNewerFormat) || got.Record.Name != "one" {
		t.Errorf("Container = %+v, %v", got, err)
	}
	if _, err := store.OpenContainer(t.Context(), info.Record.ID); !errors.Is(err, libstorage.ErrNewerFormat) {
		t.Errorf("OpenContainer = %v", err)
	}
	if err := store.RemoveContainer(t.Context(), info.Record.ID, nil); !errors.Is(err, libstorage.ErrNewerFormat) {
		t.Errorf("RemoveContainer = %v", err)
	}
	_, err = store.CreateContainer(t.Context(), libstorage.ContainerOptions{Name: "one", ImageID: image, Replace: true})
	if !errors.Is(err, libstorage.ErrNewerFormat) {
		t.Errorf("Replace = %v", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != newer {
		t.Errorf("it was written: %s, %v", data, err)
	}
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := store.RemoveContainer(t.Context(), info.Record.ID, nil); err != nil {
		t.Error(err)
	}
	wantNothingLeft(t, store)
}

func TestUpdateKeepsUnknownFields(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	image := addImage(t, store, busybox())
	info := persist(t, store, image, "one")
	path := info.Dir + "/record.json"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data = []byte(strings.Replace(string(data), `{`, `{"later":{"deep":[true]},`, 1))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := store.OpenContainer(t.Context(), info.Record.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Update(func(r *libstorage.Record) { r.Exit(5); r.ID, r.Format = "x", 7 }); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); err != nil || !strings.Contains(string(data), `"later":{"deep":[true]}`) || !strings.Contains(string(data), `"exitCode":5`) {
		t.Errorf("record = %s, %v", data, err)
	}
	if info, err := store.Container(t.Context(), "one"); err != nil || info.Err != nil {
		t.Errorf("read again: %v, %v", err, info.Err)
	}
	if err := c.Remove(t.Context()); err != nil {
		t.Error(err)
	}
	wantNothingLeft(t, store)
}

// All directories are for their owner alone.
func TestModes(t *testing.T) {
	needRoot(t)
	defer unix.Umask(unix.Umask(0))
	store := openStore(t, libstorage.Options{})
	image := addImage(t, store, busybox())
	for _, ephemeral := range []bool{true, false} {
		c := createContainer(t, store, libstorage.ContainerOptions{ImageID: image, Ephemeral: ephemeral})
		if _, err := c.Rootfs().Mount(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := c.MountImage(t.Context(), image); err != nil {
			t.Fatal(err)
		}
		if _, err := c.MountOverlay(t.Context(), t.TempDir()); err != nil {
			t.Fatal(err)
		}
	}
	for _, root := range []string{store.Root() + "/tug", store.RunRoot() + "/tug"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if name := d.Name(); name == "upper" || name == "merged" || filepath.Base(filepath.Dir(path)) == "mounts" {
				return fs.SkipDir // the container's own, out of reach
			}
			info, err := d.Info()
			if err == nil && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %v", path, info.Mode())
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// On a full disk a container is refused without a trace, and one that is
// there can be removed.
func TestFullDisk(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=24m,mode=0700"); err != nil {
		t.Skipf("condition tmpfs: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	store := openStore(t, libstorage.Options{Root: dir + "/root", RunRoot: dir + "/run"})
	image := addImage(t, store, busybox())
	var made []*libstorage.Container
	for _, ephemeral := range []bool{true, false} {
		c := createContainer(t, store, libstorage.ContainerOptions{ImageID: image, Ephemeral: ephemeral})
		if _, err := c.Rootfs().Mount(t.Context()); err != nil {
			t.Fatal(err)
		}
		made = append(made, c)
	}
	f, err := os.Create(dir + "/fill")
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	f.Close()
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	before := left(t, store)
	if _, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{ImageID: image}); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("CreateContainer = %v", err)
	}
	if after := left(t, store); strings.Join(before, " ") != strings.Join(after, " ") {
		t.Errorf("a refused container left %q; before %q", after, before)
	}
	for _, c := range made {
		if err := c.Remove(t.Context()); err != nil {
			t.Errorf("Remove: %v", err)
		}
	}
	wantNothingLeft(t, store)
}
