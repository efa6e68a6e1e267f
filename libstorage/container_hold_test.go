// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tug-containers/tug/libstorage"
)

// A container that is mounted stays so until it is released as often, whatever
// others do to it meanwhile.
func TestHoldRootfs(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	c, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Name: "one", ImageID: addImage(t, store, busybox("localhost/box:1"))})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	id, path := c.ID(), ""
	check := func(what string, want bool) {
		t.Helper()
		info, err := store.Container(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.MountPoint(); (got != "") != want || want && got != path {
			t.Errorf("%s: mounted on %q, want %v", what, got, want)
		}
		if _, err := os.Stat(filepath.Join(path, "b")); want && err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	check("at first", false)
	for range 2 {
		if path, err = store.HoldRootfs(t.Context(), "one"); err != nil {
			t.Fatal(err)
		}
		check("held", true)
	}
	if err := os.WriteFile(filepath.Join(path, "note"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	// As who starts it does, and cleans up after it.
	if c, err = store.OpenContainer(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Rootfs().Mount(t.Context()); err != nil || got != path {
		t.Errorf("mounted on %q, %v", got, err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(c.RunDir(), "config.json"), nil, 0o600), c.Cleanup(), c.Close()); err != nil {
		t.Fatal(err)
	}
	check("after a run", true)
	if _, err := os.Stat(filepath.Join(c.RunDir(), "config.json")); err == nil {
		t.Error("the bundle is still there")
	}
	err = store.WithRootfs(t.Context(), "one", func(_ libstorage.ContainerInfo, dir string) error {
		_, err := os.Stat(filepath.Join(dir, "note"))
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if err := store.ReleaseRootfs(t.Context(), "one", false); err != nil {
		t.Error(err)
	}
	check("released once", true)
	if err := store.ReleaseRootfs(t.Context(), "one", false); err != nil {
		t.Error(err)
	}
	check("released twice", false)
	if err := store.ReleaseRootfs(t.Context(), "one", false); !errors.Is(err, libstorage.ErrNotMounted) {
		t.Errorf("released once more: %v", err)
	}
	for range 3 {
		if path, err = store.HoldRootfs(t.Context(), "one"); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.ReleaseRootfs(t.Context(), "one", true); err != nil {
		t.Error(err)
	}
	check("released by force", false)
	if _, err := store.HoldRootfs(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if err := store.RemoveContainer(t.Context(), id, nil); err != nil {
		t.Error(err)
	}
	wantNothingLeft(t, store)
}
