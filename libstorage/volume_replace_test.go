// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
)

// exchange changes, adds and removes something in a volume.
func exchange(dir string) error {
	sub := filepath.Join(dir, "sub")
	return errors.Join(
		os.Remove(filepath.Join(dir, "a")), os.Mkdir(filepath.Join(dir, "more"), 0o711),
		os.WriteFile(filepath.Join(sub, "new"), []byte("new"), 0o600), os.Rename(filepath.Join(sub, "new"), filepath.Join(sub, "b")),
	)
}

// helperReplace replaces what is in volume v.
func helperReplace(ctx context.Context, store *libstorage.Store) error {
	return store.ReplaceVolume(ctx, "v", exchange)
}

// fillVolume gives a volume something to lose.
func fillVolume(t *testing.T, store *libstorage.Store) libstorage.Volume {
	t.Helper()
	v := createVolume(t, store, libstorage.VolumeOptions{Name: "v"})
	sub := filepath.Join(v.Path, "sub")
	err := errors.Join(os.Mkdir(sub, 0o700), os.WriteFile(filepath.Join(v.Path, "a"), []byte("a"), 0o600),
		os.WriteFile(filepath.Join(sub, "b"), []byte("old"), 0o600), os.Symlink("a", filepath.Join(v.Path, "link")))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const (
	beforeReplace = "a link sub sub/b=old"
	afterReplace  = "link more sub sub/b=new"
)

// content is the volume's tree, and what is in the one file that changes.
func content(t *testing.T, v libstorage.Volume) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(v.Path, "sub/b"))
	if err != nil {
		t.Fatal(err)
	}
	return tree(t, v.Path) + "=" + string(data)
}

func TestReplaceVolume(t *testing.T) {
	store := openStore(t, libstorage.Options{})
	v := fillVolume(t, store)
	if err := os.Chmod(v.Path, os.ModeSetgid|0o750); err != nil {
		t.Fatal(err)
	}
	faulty := errors.New("faulty")
	err := store.ReplaceVolume(t.Context(), "v", func(dir string) error { return errors.Join(exchange(dir), faulty) })
	if !errors.Is(err, faulty) || content(t, v) != beforeReplace {
		t.Errorf("after a failure: %q, %v", content(t, v), err)
	}
	if err := store.ReplaceVolume(t.Context(), "v", exchange); err != nil || content(t, v) != afterReplace {
		t.Errorf("replaced: %q, %v", content(t, v), err)
	}
	if st, err := os.Stat(v.Path); err != nil || st.Mode().Perm() != 0o750 || st.Mode()&os.ModeSetgid == 0 {
		t.Errorf("its directory is %v, %v", st.Mode(), err)
	}
	if got, err := store.Volume(t.Context(), "v"); err != nil || got.NeedsCopyUp || got.NeedsChown {
		t.Errorf("it is still new: %+v, %v", got, err)
	}
	if err := store.ReplaceVolume(t.Context(), "none", exchange); !errors.Is(err, libstorage.ErrVolumeUnknown) {
		t.Errorf("one that is not there: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Dir(v.Path)); slices.ContainsFunc(left, func(e os.DirEntry) bool { return e.Name() == "staged" }) {
		t.Error("something is left of it")
	}
}

// A volume that somebody is at work with is left alone; one that a container has
// which does not run is not.
func TestReplaceVolumeInUse(t *testing.T) {
	needRoot(t)
	store, dir := openStore(t, libstorage.Options{}), root(t)
	v := fillVolume(t, store)
	c, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Rootfs: dir, Name: "has", Volumes: []libstorage.VolumeOptions{{Name: "v"}}})
	if err != nil {
		t.Fatal(err)
	}
	err = store.ReplaceVolume(t.Context(), "v", exchange)
	var used *libstorage.VolumeInUseError
	if !errors.As(err, &used) || !isClass(err, errclass.Conflict) || used.Users[0].ID != c.ID() {
		t.Errorf("somebody is at work with it: %v", err)
	}
	if content(t, v) != beforeReplace {
		t.Errorf("it has %q", content(t, v))
	}
	if err := errors.Join(c.Ready(t.Context()), c.Close()); err != nil {
		t.Fatal(err)
	}
	if err := store.ReplaceVolume(t.Context(), "v", exchange); err != nil || content(t, v) != afterReplace {
		t.Errorf("nobody is: %q, %v", content(t, v), err)
	}
	// Who is started meanwhile waits, and has the new content.
	if c, err = store.OpenContainer(t.Context(), c.ID()); err != nil {
		t.Fatal(err)
	}
	defer c.Remove(t.Context())
	if err := os.Mkdir(filepath.Join(filepath.Dir(v.Path), "staged"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := tree(t, mountVolume(t, c, "v", libstorage.VolumeMount{Root: dir, Destination: "/data"}).Path); got+"=new" != afterReplace {
		t.Errorf("mounted with %q", got)
	}
}

// A process that replaces what is in a volume is killed before every single system
// call that changes something: the volume has the old or the new, and nothing is left.
func TestReplaceVolumeKilledAnywhere(t *testing.T) {
	needRoot(t)
	if testing.Short() {
		t.Skip("short")
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("condition strace: not installed")
	}
	store := openStore(t, libstorage.Options{})
	points, seen := 0, map[string]int{}
	for _, call := range append([]string{"linkat", "renameat2"}, volumeCalls...) {
		for n := 1; ; n++ {
			v := fillVolume(t, store)
			killed := killedAt(t, store, strace, "replace", "", call, n)
			when := fmt.Sprintf("killed at %s %d", call, n)
			got := content(t, v)
			if seen[got]++; got != beforeReplace && got != afterReplace {
				t.Errorf("%s: the volume has %q", when, got)
			}
			if _, err := store.CollectVolumes(t.Context()); err != nil {
				t.Errorf("%s: %v", when, err)
			}
			if now := content(t, v); now != got {
				t.Errorf("%s: the volume had %q, and then %q", when, got, now)
			}
			if err := store.ReplaceVolume(t.Context(), "v", func(string) error { return nil }); err != nil {
				t.Errorf("%s: the next: %v", when, err)
			}
			if err := store.RemoveVolume(t.Context(), "v"); err != nil {
				t.Fatalf("%s: %v", when, err)
			}
			if found := leftOfVolumes(t, store); len(found) > 0 {
				t.Fatalf("%s: left behind: %q", when, found)
			}
			if !killed {
				break
			}
			points++
		}
	}
	t.Logf("killed at %d points: %v", points, seen)
	if points < 20 || seen[beforeReplace] < 10 || seen[afterReplace] < 10 {
		t.Error("too few of a kind")
	}
}
