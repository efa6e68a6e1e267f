// SPDX-License-Identifier: Apache-2.0

package libimage_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/libimage"
	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/registry/hostile"
)

// TestStaleStage: what a killed pull left is removed by the next one, and what
// a living one has is not.
func TestStaleStage(t *testing.T) {
	store, server := newStore(t), hostile.New(t, hostile.Options{})
	dir := filepath.Join(store.Root(), "tug", "tmp")
	if err := os.MkdirAll(filepath.Join(dir, "tug-stage-123", "blob"), 0o700); err != nil {
		t.Fatal(err)
	}
	staging := filepath.Join(store.Root(), "overlay", "staging")
	for name, file := range map[string]string{"1": "staging.lock", "2": "dir/file", "young": "dir/file"} {
		path := filepath.Join(staging, name, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(staging, "2"), old, old); err != nil {
		t.Fatal(err)
	}
	mustPull(t, store, server.Add(smallImage(t, nil), "app"), libimage.PullOptions{Access: plain(t)})
	left(t, dir)
	// One without a lock may just be being made.
	if entries, err := os.ReadDir(staging); err != nil || len(entries) != 1 || entries[0].Name() != "young" {
		t.Errorf("%v %v", entries, err)
	}
}

// TestOneDownload: many pulls of one image, and of one that shares a layer with it,
// fetch each layer once, and all succeed; so does one after another has failed.
func TestOneDownload(t *testing.T) {
	store, server := newStore(t), hostile.New(t, hostile.Options{})
	built := smallImage(t, nil)
	other := smallImage(t, func(i *images.Image) {
		i.Layers[1].Entries = []images.Entry{images.File("other", 0o644, noise(100_000))}
	})
	names := []string{server.Add(built, "one"), server.Add(other, "two")}
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			if _, err := libimage.Pull(t.Context(), store, names[n%2], libimage.PullOptions{Access: plain(t)}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, layer := range append(layersOf(t, built), layersOf(t, other)...) {
		if n := server.Count("GET", layer); n != 1 {
			t.Errorf("layer %s was fetched %d times", layer, n)
		}
	}
	left(t, filepath.Join(store.Root(), "tug", "pulling"))
	left(t, filepath.Join(store.Root(), "overlay", "staging"))
}

func layersOf(t *testing.T, built *images.Built) []string {
	t.Helper()
	var manifest v1.Manifest
	if err := json.Unmarshal(built.Manifest, &manifest); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, layer := range manifest.Layers {
		all = append(all, layer.Digest.String())
	}
	return all
}

// TestOneDownloadOfADead: a pull that ends while others wait for its layer leaves
// it to one of them.
func TestOneDownloadOfADead(t *testing.T) {
	store, server := newStore(t), hostile.New(t, hostile.Options{})
	built := smallImage(t, nil)
	name := server.Add(built, "app")
	server.On("GET", layersOf(t, built)[1], hostile.Stall(50)).Times(1)
	ctx, cancel := context.WithCancelCause(t.Context())
	access := plain(t)
	access.Idle = time.Hour
	var first sync.WaitGroup
	first.Go(func() {
		if _, err := libimage.Pull(ctx, store, name, libimage.PullOptions{Access: access}); err == nil {
			t.Error("the pull that was cancelled succeeded")
		}
	})
	for server.Count("GET", layersOf(t, built)[1]) == 0 { // then it is this one that hangs
		time.Sleep(time.Millisecond)
	}
	var second sync.WaitGroup
	second.Go(func() {
		_, err := libimage.Pull(t.Context(), store, name, libimage.PullOptions{Access: access, Progress: func(e libimage.Event) {
			if e.Kind == libimage.EventStart {
				cancel(errors.New("interrupt"))
			}
		}})
		if err != nil {
			t.Error(err)
		}
	})
	first.Wait()
	second.Wait()
	left(t, filepath.Join(store.Root(), "tug", "pulling"))
	left(t, filepath.Join(store.Root(), "overlay", "staging"))
}
