// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
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

func TestImages(t *testing.T) {
	forEachDriver(t, func(t *testing.T, driver string) {
		store := openStore(t, libstorage.Options{Driver: driver})
		if ids := imageIDs(t, store); len(ids) != 0 {
			t.Fatalf("a new store has images: %v", ids)
		}
		id := addImage(t, store, busybox("docker.io/library/busybox:latest"))
		images, err := store.Images(t.Context())
		if err != nil || len(images) != 1 {
			t.Fatalf("Images = %v, %v", images, err)
		}
		img := images[0]
		if img.ID != id || img.Err != nil || img.ReadOnly || !slices.Equal(img.Names, []string{"docker.io/library/busybox:latest"}) {
			t.Errorf("image = %+v", img)
		}
		if size, err := store.Size(t.Context(), id); err != nil || size != img.Size || size < 2*1024 {
			t.Errorf("Size = %d, %v; Images says %d", size, err, img.Size)
		}
		cfg, err := store.Config(t.Context(), id)
		if err != nil || cfg.Author != "nobody" || !slices.Equal(cfg.Config.Cmd, []string{"/bin/sh"}) {
			t.Errorf("Config = %+v, %v", cfg, err)
		}
		if raw, err := store.Manifest(t.Context(), id); err != nil || !strings.Contains(string(raw), id) {
			t.Errorf("Manifest = %s, %v", raw, err)
		}
	})
}

func TestLookup(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	add := func(text string, names ...string) string {
		return addImage(t, store, recipe{Names: names, Layers: []map[string]string{{"f": text}}})
	}
	hub := add("hub", "docker.io/library/busybox:latest")
	local := add("local", "localhost/mine:1", "localhost/busybox:local")
	quay := add("quay", "quay.io/team/tool:latest")
	one := add("one", "a.example/x/twin:latest")
	add("two", "b.example/x/twin:latest")
	none := add("none")
	manifest := func(id string) string {
		img, err := store.Image(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return img.Digest.String()
	}
	for _, tc := range []struct{ name, want string }{
		{"busybox", hub},
		{"busybox:latest", hub},
		{"library/busybox", hub},
		{"docker.io/busybox", hub},
		{"docker.io/library/busybox:latest", hub},
		{"busybox:local", local},
		{"mine:1", local},
		{"tool", quay},
		{"team/tool", quay},
		{"quay.io/team/tool", quay},
		{"x/twin@" + manifest(one), ""},
		{"a.example/x/twin@" + manifest(one), one},
		{"a.example/x/twin:other@" + manifest(one), one},
		{none, none},
		{none[:12], none},
		{none[:63], none},
		{"sha256:" + none, none},
		{manifest(quay), quay},
	} {
		img, err := store.Image(t.Context(), tc.name)
		if tc.want == "" {
			if !errors.Is(err, libstorage.ErrImageUnknown) {
				t.Errorf("Image(%q) = %s, %v; want ErrImageUnknown", tc.name, img.ID, err)
			}
			continue
		}
		if err != nil || img.ID != tc.want {
			t.Errorf("Image(%q) = %s, %v; want %s", tc.name, img.ID, err, tc.want)
		}
	}
	if _, err := store.Image(t.Context(), "twin"); !errors.Is(err, libstorage.ErrImageAmbiguous) ||
		!strings.Contains(err.Error(), "a.example/x/twin:latest, b.example/x/twin:latest") {
		t.Errorf("Image(twin) = %v; want ErrImageAmbiguous that names both", err)
	}
	for _, name := range []string{"missing", "mine", "quay.io/tool", strings.Repeat("0", 64), "sha256:" + strings.Repeat("0", 64), "", "-x", "a\nb", "A/b/C", "../x"} {
		_, err := store.Image(t.Context(), name)
		if !errors.Is(err, libstorage.ErrImageUnknown) || !errors.Is(err, errclass.NotFound) {
			t.Errorf("Image(%q) = %v; want ErrImageUnknown", name, err)
		}
	}
}

func TestTag(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	first := addImage(t, store, busybox("docker.io/library/busybox:latest"))
	second := addImage(t, store, recipe{Layers: []map[string]string{{"x": "y"}}})
	if err := store.Tag(t.Context(), first, "mine"); err != nil {
		t.Fatal(err)
	}
	if img, err := store.Image(t.Context(), "localhost/mine:latest"); err != nil || img.ID != first || len(img.Names) != 2 {
		t.Fatalf("after tag: %+v, %v", img, err)
	}
	if err := store.Tag(t.Context(), second, "mine"); err != nil {
		t.Fatal(err)
	}
	if img, err := store.Image(t.Context(), "mine"); err != nil || img.ID != second {
		t.Errorf("a name moves to the image that gets it: %+v, %v", img, err)
	}
	for _, name := range []string{"", "UPPER", "a@sha256:" + first, "x:", "-x", "sha256:" + first} {
		if err := store.Tag(t.Context(), first, name); !errors.Is(err, errclass.Usage) {
			t.Errorf("Tag(%q) = %v; want a usage error", name, err)
		}
	}
	if err := store.Tag(t.Context(), strings.Repeat("0", 64), "x"); !errors.Is(err, libstorage.ErrImageUnknown) {
		t.Errorf("Tag of an unknown image = %v", err)
	}
	if err := store.Untag(t.Context(), second, "mine"); err != nil {
		t.Fatal(err)
	}
	if err := store.Untag(t.Context(), second, "mine"); !errors.Is(err, errclass.NotFound) {
		t.Errorf("a second Untag = %v", err)
	}
	if img, err := store.Image(t.Context(), second); err != nil || len(img.Names) != 0 || !slices.Equal(img.History, []string{"localhost/mine:latest"}) {
		t.Errorf("after untag: %+v, %v", img, err)
	}
}

func TestHistory(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	r := busybox()
	r.Config = func(cfg *v1.Image) {
		cfg.History = append([]v1.History{{CreatedBy: "ENV A=B", EmptyLayer: true}}, cfg.History...)
		cfg.History = append(cfg.History, v1.History{CreatedBy: "more than there are layers"})
	}
	entries, err := store.History(t.Context(), addImage(t, store, r))
	if err != nil || len(entries) != 4 {
		t.Fatalf("History = %+v, %v", entries, err)
	}
	if entries[0].Layer == "" || entries[2].Layer != "" || !entries[3].Empty || entries[3].Size != 0 {
		t.Errorf("History = %+v", entries)
	}
	r.Config = func(cfg *v1.Image) { cfg.History = nil }
	entries, err = store.History(t.Context(), addImage(t, store, r))
	if err != nil || len(entries) != 2 || entries[0].Size == 0 {
		t.Errorf("History of an image that has none = %+v, %v", entries, err)
	}
}

func TestLayerDirs(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	id := addImage(t, store, busybox())
	dirs, err := store.LayerDirs(t.Context(), id)
	if err != nil || len(dirs) != 2 {
		t.Fatalf("LayerDirs = %v, %v", dirs, err)
	}
	for i, file := range []string{"b", "a"} {
		if !strings.HasPrefix(dirs[i], "overlay/l/") {
			t.Errorf("%s is not a short link", dirs[i])
		}
		if _, err := os.Stat(filepath.Join(store.Root(), dirs[i], file)); err != nil {
			t.Error(err)
		}
	}
	empty := addImage(t, store, recipe{})
	if dirs, err := store.LayerDirs(t.Context(), empty); err != nil || dirs != nil {
		t.Errorf("LayerDirs of an image without layers = %v, %v", dirs, err)
	}
	vfs := openStore(t, libstorage.Options{Driver: "vfs"})
	if _, err := vfs.LayerDirs(t.Context(), addImage(t, vfs, busybox())); !errors.Is(err, errclass.Unsupported) {
		t.Errorf("LayerDirs on vfs = %v; want unsupported", err)
	}
}
