// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tug-containers/tug/libstorage"
)

func create(t *testing.T, store *libstorage.Store, name, dir string) string {
	t.Helper()
	c, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Name: name, Rootfs: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return c.ID()
}

// namesOf lists the names that lead to a container, by what a caller sees.
func namesOf(t *testing.T, store *libstorage.Store, id string, names ...string) (found []string) {
	t.Helper()
	for _, name := range names {
		info, err := store.Container(t.Context(), name)
		if err == nil && info.Record.ID == id {
			found = append(found, name)
		} else if err != nil && !errors.Is(err, libstorage.ErrContainerUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	return found
}

func TestRename(t *testing.T) {
	store := openStore(t, libstorage.Options{})
	one, two := create(t, store, "one", t.TempDir()), create(t, store, "two", t.TempDir())
	rename := func(from, to string) error { return store.RenameContainer(t.Context(), from, to) }
	if err := rename("one", "two"); !errors.Is(err, libstorage.ErrNameTaken) {
		t.Errorf("a name that is taken: %v", err)
	}
	if err := rename("one", "a/b"); !errors.Is(err, libstorage.ErrInvalidName) {
		t.Errorf("no name: %v", err)
	}
	if err := rename("none", "three"); !errors.Is(err, libstorage.ErrContainerUnknown) {
		t.Errorf("no container: %v", err)
	}
	if err := errors.Join(rename("one", "one"), rename("one", "three"), rename(two, "one"), rename("three", "two")); err != nil {
		t.Error(err)
	}
	for name, id := range map[string]string{"one": two, "two": one} {
		if info, err := store.Container(t.Context(), name); err != nil || info.Record.ID != id || info.Record.Name != name {
			t.Errorf("%s: %v, %v", name, info.Record, err)
		}
	}
	if err := rename("two", "three"); err != nil {
		t.Error(err)
	}
	if got := namesOf(t, store, one, "one", "two", "three"); len(got) != 1 {
		t.Errorf("it has the names %q", got)
	}
	if err := errors.Join(store.RemoveContainer(t.Context(), one, nil), store.RemoveContainer(t.Context(), two, nil)); err != nil {
		t.Error(err)
	}
	wantNothingLeft(t, store)
}

// Of many that want one name, one gets it.
func TestRenameAtOnce(t *testing.T) {
	store := openStore(t, libstorage.Options{})
	var ids []string
	for i := range 16 {
		ids = append(ids, create(t, store, fmt.Sprint("c", i), t.TempDir()))
	}
	var wait sync.WaitGroup
	won := make(chan string, len(ids))
	for _, id := range ids {
		wait.Go(func() {
			err := store.RenameContainer(t.Context(), id, "best")
			if err == nil {
				won <- id
			} else if !errors.Is(err, libstorage.ErrNameTaken) {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	close(won)
	if info, err := store.Container(t.Context(), "best"); err != nil || len(won) != 1 || info.Record.ID != <-won {
		t.Errorf("%d have it; by the name: %v, %v", len(won), info.Record.ID, err)
	}
}

func helperRename(ctx context.Context, store *libstorage.Store) error {
	return store.RenameContainer(ctx, "old", "new")
}

// A process that renames a container is killed before every system call that
// changes something. The container has one of the names, and the other one is
// free: for another container, and for itself.
func TestRenameKilledAnywhere(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("condition strace: not installed")
	}
	store, dir := openStore(t, libstorage.Options{}), t.TempDir()
	points, doubled := 0, 0
	for _, call := range changing {
		for n := 1; ; n++ {
			when := fmt.Sprintf("killed at %s %d", call, n)
			id := create(t, store, "old", dir)
			killed := killedAt(t, store, strace, "rename", dir, call, n)
			got := namesOf(t, store, id, "old", "new")
			if len(got) != 1 {
				t.Fatalf("%s: it has the names %q", when, got)
			}
			if links, err := os.ReadDir(filepath.Join(store.Root(), "tug/names")); err == nil && len(links) > 1 {
				doubled++
			}
			free := "old"
			if got[0] == "old" {
				free = "new"
			}
			switch points % 3 { // who comes next: another one, itself, its removal
			case 0:
				other := create(t, store, free, dir)
				if got := namesOf(t, store, other, "old", "new"); len(got) != 1 || got[0] != free {
					t.Errorf("%s: the other one has the names %q", when, got)
				}
				err = store.RemoveContainer(t.Context(), other, nil)
			case 1:
				err = store.RenameContainer(t.Context(), id, free)
				if got := namesOf(t, store, id, "old", "new"); len(got) != 1 || got[0] != free {
					t.Errorf("%s: renamed to %s it has %q", when, free, got)
				}
			}
			if err = errors.Join(err, store.RemoveContainer(t.Context(), id, nil)); err != nil {
				t.Errorf("%s: %v", when, err)
			}
			if found := left(t, store); len(found) > 0 {
				t.Fatalf("%s: left behind: %q", when, found)
			}
			if !killed {
				break
			}
			points++
		}
	}
	t.Logf("killed at %d points, at %d of them with two names on the disk", points, doubled)
	if points < 8 || doubled < 3 {
		t.Error("too few")
	}
}
