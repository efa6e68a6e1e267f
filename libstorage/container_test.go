// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
)

// createContainer makes a container and removes it when the test ends.
func createContainer(t testing.TB, store *libstorage.Store, opts libstorage.ContainerOptions) *libstorage.Container {
	t.Helper()
	c, err := store.CreateContainer(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Remove(t.Context()); err != nil {
			t.Error(err)
		}
	})
	if err := c.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// left lists everything that containers have left in a store.
func left(t *testing.T, store *libstorage.Store) []string {
	t.Helper()
	var found []string
	for _, dir := range []string{
		store.Root() + "/tug/ephemeral", store.Root() + "/tug/containers", store.Root() + "/tug/names",
		store.Root() + "/tug/leases", store.RunRoot() + "/tug",
	} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.Name() != ".lock" {
				found = append(found, filepath.Join(dir, e.Name()))
			}
		}
	}
	containers, err := store.Library().Containers()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range containers {
		found = append(found, "container of containers/storage: "+c.ID)
	}
	return found
}

func wantNothingLeft(t *testing.T, store *libstorage.Store) {
	t.Helper()
	if found := left(t, store); len(found) > 0 {
		t.Errorf("left behind: %q", found)
	}
}

func TestContainerLifeCycle(t *testing.T) {
	forEachDriver(t, func(t *testing.T, driver string) {
		store := openStore(t, libstorage.Options{Driver: driver})
		id := addImage(t, store, busybox("localhost/box:1"))
		for _, ephemeral := range []bool{true, false} {
			c, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{
				Name: "one", ImageID: id, ImageName: "box", Ephemeral: ephemeral, Command: []string{"true"},
			})
			if err != nil {
				t.Fatal(err)
			}
			root, err := c.Rootfs().Mount(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if data, err := os.ReadFile(root + "/b"); err != nil || string(data) != "second" {
				t.Errorf("read the image: %q, %v", data, err)
			}
			if err := c.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(root+"/new", []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
			info, err := store.Container(t.Context(), "one")
			if err != nil || info.Record.ID != c.ID() || info.Dir != c.Dir() || info.RunDir != c.RunDir() {
				t.Errorf("Container = %+v, %v", info, err)
			}
			if got := info.Record.State(); got != libstorage.Created {
				t.Errorf("state = %s", got)
			}
			if err := c.Update(func(r *libstorage.Record) { r.Exit(7) }); err != nil {
				t.Fatal(err)
			}
			if info, err := store.Container(t.Context(), c.ID()[:8]); err != nil || *info.Record.ExitCode != 7 || info.Record.State() != libstorage.Exited {
				t.Errorf("by prefix = %+v, %v", info, err)
			}
			if _, err := store.Remove(t.Context(), "localhost/box:1", libstorage.RemoveOptions{}); !errors.Is(err, libstorage.ErrImageInUse) {
				t.Errorf("remove a used image: %v", err)
			}
			if err := c.Remove(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantNothingLeft(t, store)
			if _, err := store.Container(t.Context(), "one"); !errors.Is(err, errclass.NotFound) {
				t.Errorf("after removal: %v", err)
			}
		}
		if _, err := store.Remove(t.Context(), "localhost/box:1", libstorage.RemoveOptions{}); err != nil {
			t.Errorf("remove the image: %v", err)
		}
	})
}
