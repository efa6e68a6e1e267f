// SPDX-License-Identifier: Apache-2.0

// Package storetest makes stores and images for tests. A test that uses it
// calls reexec.Init in its TestMain, as everything that unpacks layers must:
//
//	func TestMain(m *testing.M) { storetest.Main(m) }
package storetest

import (
	"archive/tar"
	"bytes"
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

// Main runs the tests of a package, or the unpacker that one of them started.
func Main(m *testing.M) {
	if reexec.Init() {
		return
	}
	os.Exit(m.Run())
}

// NeedRoot skips a test that only root can run.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("condition root: layers keep their owners")
	}
}

// Places fills in directories of the test's own, and the overlay driver, where
// opts name none.
func Places(t testing.TB, opts libstorage.Options) libstorage.Options {
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
	return opts
}

// Open opens a store at Places until the test ends.
func Open(t testing.TB, opts libstorage.Options) *libstorage.Store {
	t.Helper()
	store, err := libstorage.Open(t.Context(), Places(t, opts))
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

// Recipe is what Add makes an image from.
type Recipe struct {
	Names  []string
	Layers []map[string]string // file name -> content, the lowest layer first
	Config func(*v1.Image)     // changes the config before it is stored
}

// Busybox is a small image of two layers.
func Busybox(names ...string) Recipe {
	return Recipe{Names: names, Layers: []map[string]string{{"a": "first"}, {"b": "second"}}}
}

// Created is the time that is in the config of every image.
func Created() time.Time { return time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC) }

// Add puts an image into the store as a pull would: layers by the digest of
// their chain, a config, a manifest. It returns the ID.
func Add(t testing.TB, store *libstorage.Store, r Recipe) string {
	t.Helper()
	lib := store.Library()
	created := Created()
	cfg := v1.Image{
		Created: &created, Author: "nobody", Platform: v1.Platform{Architecture: "amd64", OS: "linux"},
		Config: v1.ImageConfig{Cmd: []string{"/bin/sh"}, Env: []string{"PATH=/bin"}, Labels: map[string]string{"kind": "test"}},
		RootFS: v1.RootFS{Type: "layers"},
	}
	manifest := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest}
	top := ""
	for i, files := range r.Layers {
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
	if r.Config != nil {
		r.Config(&cfg)
	}
	rawConfig := encode(t, cfg)
	configDigest := digest.FromBytes(rawConfig)
	manifest.Config = v1.Descriptor{MediaType: v1.MediaTypeImageConfig, Digest: configDigest, Size: int64(len(rawConfig))}
	rawManifest := encode(t, manifest)
	img, err := lib.CreateImage(configDigest.Encoded(), r.Names, top, "", &storage.ImageOptions{
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
