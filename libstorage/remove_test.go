// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
)

func TestRemove(t *testing.T) {
	forEachDriver(t, func(t *testing.T, driver string) {
		store := openStore(t, libstorage.Options{Driver: driver})
		id := addImage(t, store, busybox("docker.io/library/busybox:latest", "localhost/mine:1"))
		removed, err := store.Remove(t.Context(), "busybox", libstorage.RemoveOptions{})
		if err != nil || len(removed.Deleted) != 0 || !slices.Equal(removed.Untagged, []string{"docker.io/library/busybox:latest"}) {
			t.Fatalf("the first of two names: %+v, %v", removed, err)
		}
		removed, err = store.Remove(t.Context(), "mine:1", libstorage.RemoveOptions{})
		if err != nil || !slices.Equal(removed.Deleted, []string{id}) || !slices.Equal(removed.Untagged, []string{"localhost/mine:1"}) {
			t.Fatalf("the last name: %+v, %v", removed, err)
		}
		if ids := imageIDs(t, store); len(ids) != 0 {
			t.Errorf("images left: %v", ids)
		}
		if layers, err := store.Library().Layers(); err != nil || len(layers) != 0 {
			t.Errorf("layers left: %v, %v", layers, err)
		}
		if _, err := store.Remove(t.Context(), id, libstorage.RemoveOptions{}); !errors.Is(err, libstorage.ErrImageUnknown) {
			t.Errorf("a second removal = %v", err)
		}
	})
}

func TestRemoveSeveralNames(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	id := addImage(t, store, busybox("localhost/a:1", "localhost/b:1"))
	if _, err := store.Remove(t.Context(), id, libstorage.RemoveOptions{}); !errors.Is(err, libstorage.ErrSeveralNames) || !strings.Contains(err.Error(), "localhost/a:1, localhost/b:1") {
		t.Errorf("by ID without force = %v", err)
	}
	removed, err := store.Remove(t.Context(), id[:10], libstorage.RemoveOptions{Force: true})
	if err != nil || len(removed.Untagged) != 2 || len(removed.Deleted) != 1 {
		t.Errorf("by ID with force = %+v, %v", removed, err)
	}
}

func TestRemoveUsedByAnotherEngine(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	id := addImage(t, store, busybox("localhost/a:1"))
	c, err := store.Library().CreateContainer("", []string{"theirs"}, id, "", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, force := range []bool{false, true} {
		_, err = store.Remove(t.Context(), "a:1", libstorage.RemoveOptions{Force: force})
		var used *libstorage.InUseError
		if !errors.As(err, &used) || used.ID != id || len(used.Users) != 1 || used.Users[0] != (libstorage.User{ID: c.ID, Name: "theirs"}) {
			t.Fatalf("force %v: Remove = %v", force, err)
		}
		if !errors.Is(err, libstorage.ErrImageInUse) || !strings.Contains(err.Error(), "theirs") {
			t.Errorf("%v is not ErrImageInUse, or does not name the container", err)
		}
	}
	if err := store.Library().DeleteContainer(c.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Remove(t.Context(), "a:1", libstorage.RemoveOptions{}); err != nil {
		t.Errorf("once the container is gone: %v", err)
	}
}

// A lease that nobody holds any more is in nobody's way, also on a full disk.
func TestRemoveWithIdleLease(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{Root: mountTmpfs(t, "size=96m")})
	id := addImage(t, store, busybox("localhost/a:1"))
	user := filepath.Join(store.Root(), "user")
	if err := os.Mkdir(user, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := store.AcquireLease(t.Context(), id, user, false); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(user); err != nil {
		t.Fatal(err)
	}
	if containers, err := store.Library().Containers(); err != nil || len(containers) != 1 {
		t.Fatalf("there is no lease: %v, %v", containers, err)
	}
	fillBytes(t, filepath.Join(store.Root(), "filler"))
	removed, err := store.Remove(t.Context(), "a:1", libstorage.RemoveOptions{})
	if err != nil || !slices.Equal(removed.Deleted, []string{id}) {
		t.Fatalf("Remove = %+v, %v", removed, err)
	}
	if containers, err := store.Library().Containers(); err != nil || len(containers) != 0 {
		t.Errorf("the lease is left: %v, %v", containers, err)
	}
}

func TestRemoveSharedLayers(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	base := addImage(t, store, recipe{Names: []string{"localhost/base:1"}, Layers: []map[string]string{{"a": "first"}}})
	child := addImage(t, store, busybox("localhost/child:1"))
	if _, err := store.Remove(t.Context(), "base:1", libstorage.RemoveOptions{}); err != nil {
		t.Fatalf("an image that another one was made from: %v", err)
	}
	if ids := imageIDs(t, store); !slices.Equal(ids, []string{child}) {
		t.Fatalf("images = %v, want %s without %s", ids, child, base)
	}
	if _, err := store.LayerDirs(t.Context(), child); err != nil {
		t.Errorf("the child lost a layer: %v", err)
	}
}

func TestRemovePrunesNamelessParents(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	grand := addImage(t, store, recipe{Layers: []map[string]string{{"a": "first"}}})
	parent := addImage(t, store, busybox())
	child := func(name, text string) string {
		return addImage(t, store, recipe{Names: []string{name}, Layers: []map[string]string{{"a": "first"}, {"b": "second"}, {"c": text}}})
	}
	one, two := child("localhost/one:1", "1"), child("localhost/two:1", "2")
	stranger := addImage(t, store, recipe{Layers: []map[string]string{{"a": "first"}}, Config: func(cfg *v1.Image) { cfg.History[0].CreatedBy = "elsewhere" }})

	removed, err := store.Remove(t.Context(), "one:1", libstorage.RemoveOptions{})
	if err != nil || !slices.Equal(removed.Deleted, []string{one}) {
		t.Fatalf("the parent has another child: %+v, %v", removed, err)
	}
	removed, err = store.Remove(t.Context(), "two:1", libstorage.RemoveOptions{})
	if err != nil || !slices.Equal(removed.Deleted, []string{two, parent, grand}) {
		t.Fatalf("the last child: %+v, %v", removed, err)
	}
	if ids := imageIDs(t, store); !slices.Equal(ids, []string{stranger}) {
		t.Errorf("left: %v; want the image of another history, %s", ids, stranger)
	}

	addImage(t, store, busybox())
	child("localhost/three:1", "3")
	removed, err = store.Remove(t.Context(), "three:1", libstorage.RemoveOptions{NoPrune: true})
	if err != nil || len(removed.Deleted) != 1 {
		t.Errorf("with NoPrune: %+v, %v", removed, err)
	}
}

// Somebody was killed after the record of an image had gone, and before its
// layers had: the next removal finishes it.
func TestRemoveFinishesAnother(t *testing.T) {
	needRoot(t)
	opts := libstorage.Options{Root: t.TempDir(), RunRoot: t.TempDir()}
	store := openStore(t, opts)
	kept := addImage(t, store, recipe{Names: []string{"localhost/kept:1"}, Layers: []map[string]string{{"a": "first"}}})
	id := addImage(t, store, busybox("localhost/killed:1"))
	img, err := store.Image(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(store.Root(), "overlay-images", "images.json")
	before, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	notes := filepath.Join(store.Root(), "tug", "removing")
	for _, note := range []struct{ image, layer string }{{id, img.TopLayer}, {kept, "no-such-layer"}, {strings.Repeat("0", 64), "../../x"}} {
		if err := errors.Join(os.MkdirAll(notes, 0o700), os.Symlink(note.layer, filepath.Join(notes, note.image))); err != nil {
			t.Fatal(err)
		}
	}
	// The list without the image: what is left is what the library writes.
	var records []json.RawMessage
	if err := json.Unmarshal(before, &records); err != nil {
		t.Fatal(err)
	}
	records = slices.DeleteFunc(records, func(r json.RawMessage) bool { return strings.Contains(string(r), `"id":"`+id) })
	after, err := json.Marshal(records)
	if err != nil || len(records) != 1 {
		t.Fatal(err, len(records))
	}
	if err := os.WriteFile(list, after, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	store = openStore(t, opts)
	if _, err := store.Remove(t.Context(), "nothing", libstorage.RemoveOptions{}); !errors.Is(err, libstorage.ErrImageUnknown) {
		t.Fatal(err)
	}
	layers, err := store.Library().Layers()
	if err != nil || len(layers) != 1 {
		t.Errorf("layers = %d, %v; want the one that another image needs", len(layers), err)
	}
	if ids := imageIDs(t, store); !slices.Equal(ids, []string{kept}) {
		t.Errorf("images = %v", ids)
	}
	if left, err := os.ReadDir(notes); err != nil || len(left) != 0 {
		t.Errorf("notes left: %v, %v", left, err)
	}
}

func TestRemoveDamaged(t *testing.T) {
	for _, damage := range []struct {
		name string
		do   func(t *testing.T, root, id, top string)
	}{
		{"no manifest", func(t *testing.T, root, id, _ string) {
			remove(t, filepath.Join(root, "overlay-images", id, "manifest"))
		}},
		{"no files", func(t *testing.T, root, id, _ string) { remove(t, filepath.Join(root, "overlay-images", id)) }},
		{"no layer", func(t *testing.T, root, _, top string) { remove(t, filepath.Join(root, "overlay", top)) }},
		{"empty link", func(t *testing.T, root, _, top string) { truncate(t, filepath.Join(root, "overlay", top, "link")) }},
	} {
		t.Run(damage.name, func(t *testing.T) {
			needRoot(t)
			store := openStore(t, libstorage.Options{})
			id := addImage(t, store, busybox("localhost/bad:1"))
			img, err := store.Image(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			damage.do(t, store.Root(), id, img.TopLayer)
			if _, err := store.Remove(t.Context(), "bad:1", libstorage.RemoveOptions{}); err != nil {
				t.Fatal(err)
			}
			if ids := imageIDs(t, store); len(ids) != 0 {
				t.Errorf("left: %v", ids)
			}
		})
	}
}

func TestRemoveKeepsWhatIsReadOnly(t *testing.T) {
	needRoot(t)
	shared := t.TempDir()
	addImage(t, openStore(t, libstorage.Options{Root: alias(t, shared)}), busybox("localhost/shared:1"))
	store := openStore(t, libstorage.Options{DriverOptions: []string{"imagestore=" + shared}})
	_, err := store.Remove(t.Context(), "shared:1", libstorage.RemoveOptions{})
	if !errors.Is(err, libstorage.ErrReadOnly) || !errors.Is(err, errclass.Conflict) {
		t.Errorf("Remove = %v; want ErrReadOnly", err)
	}
	if len(imageIDs(t, store)) != 1 {
		t.Error("the image is gone")
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, path string) {
	t.Helper()
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
}
