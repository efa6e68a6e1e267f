// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/libstorage"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/reexec"
)

func TestMain(m *testing.M) {
	if reexec.Init() {
		return
	}
	os.Exit(m.Run())
}

// forEachDriver runs a test on every driver that works here.
func forEachDriver(t *testing.T, test func(t *testing.T, driver string)) {
	needRoot(t)
	for _, driver := range []string{"overlay", "vfs"} {
		t.Run(driver, func(t *testing.T) { test(t, driver) })
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("condition root: layers keep their owners")
	}
}

// openStore opens a store, with directories of the test's own where opts name
// none.
func openStore(t testing.TB, opts libstorage.Options) *libstorage.Store {
	t.Helper()
	if opts.Root == "" {
		opts.Root = t.TempDir()
	}
	if opts.RunRoot == "" {
		opts.RunRoot = t.TempDir()
	}
	if opts.Driver == "" {
		opts.Driver = "overlay"
	}
	store, err := libstorage.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// recipe is what addImage makes an image from.
type recipe struct {
	names  []string
	layers []map[string]string // file name -> content, the lowest layer first
	config func(*v1.Image)
}

// addImage puts an image into the store as a pull would: layers by the digest
// of their chain, a config, a manifest.
func addImage(t testing.TB, store *libstorage.Store, r recipe) string {
	t.Helper()
	lib := store.Library()
	created := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	cfg := v1.Image{
		Created: &created, Author: "nobody", Platform: v1.Platform{Architecture: "amd64", OS: "linux"},
		Config: v1.ImageConfig{Cmd: []string{"/bin/sh"}, Env: []string{"PATH=/bin"}, Labels: map[string]string{"kind": "test"}},
		RootFS: v1.RootFS{Type: "layers"},
	}
	manifest := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest}
	top := ""
	for i, files := range r.layers {
		data := tarOf(t, files)
		diffID := digest.FromBytes(data)
		id := digest.FromString(top + diffID.String()).Encoded()
		if _, err := lib.Layer(id); err != nil {
			if _, _, err := lib.PutLayer(id, top, nil, "", false, nil, bytes.NewReader(data)); err != nil {
				t.Fatal(err)
			}
		}
		top = id
		cfg.RootFS.DiffIDs = append(cfg.RootFS.DiffIDs, diffID)
		cfg.History = append(cfg.History, v1.History{Created: &created, CreatedBy: "layer " + string(rune('a'+i))})
		manifest.Layers = append(manifest.Layers, v1.Descriptor{MediaType: v1.MediaTypeImageLayer, Digest: diffID, Size: int64(len(data))})
	}
	if r.config != nil {
		r.config(&cfg)
	}
	rawConfig := encode(t, cfg)
	configDigest := digest.FromBytes(rawConfig)
	manifest.Config = v1.Descriptor{MediaType: v1.MediaTypeImageConfig, Digest: configDigest, Size: int64(len(rawConfig))}
	rawManifest := encode(t, manifest)
	img, err := lib.CreateImage(configDigest.Encoded(), r.names, top, "", &storage.ImageOptions{
		CreationDate: created, Digest: digest.FromBytes(rawManifest),
		BigData: []storage.ImageBigDataOption{
			{Key: configDigest.String(), Data: rawConfig, Digest: configDigest},
			{Key: "manifest", Data: rawManifest, Digest: digest.FromBytes(rawManifest)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return img.ID
}

func tarOf(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for name, content := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// busybox is a small image of two layers.
func busybox(names ...string) recipe {
	return recipe{names: names, layers: []map[string]string{{"a": "first"}, {"b": "second"}}}
}

func imageIDs(t *testing.T, store *libstorage.Store) []string {
	t.Helper()
	images, err := store.Images(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, 0, len(images))
	for _, img := range images {
		ids = append(ids, img.ID)
	}
	return ids
}
