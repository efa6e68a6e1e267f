// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tug-containers/tug/libstorage"
)

// A process that removes an image is killed before every system call that
// changes something. The image is there or it is not, others are whole, and
// after the next removal nothing is left of it.
func TestRemoveKilledAnywhere(t *testing.T) {
	needRoot(t)
	if testing.Short() {
		t.Skip("short")
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("condition strace: not installed")
	}
	store := openStore(t, libstorage.Options{})
	kept := addImage(t, store, recipe{Names: []string{"localhost/kept:1"}, Layers: []map[string]string{{"a": "first"}}})
	clean := leftOfImages(t, store)
	points := 0
	for _, call := range append([]string{"symlinkat"}, changing...) {
		for n := 1; ; n++ {
			id := addImage(t, store, busybox("localhost/box:1"))
			if !killedAt(t, store, strace, "remove", id, call, n) {
				break
			}
			points++
			images, err := store.Images(t.Context())
			if err != nil {
				t.Fatalf("killed at %s %d: %v", call, n, err)
			}
			for _, img := range images {
				if img.Err != nil || (img.ID != kept && img.ID != id) {
					t.Errorf("killed at %s %d: image %s, %v", call, n, img.ID, img.Err)
				}
			}
			if _, err := store.LayerDirs(t.Context(), kept); err != nil {
				t.Errorf("killed at %s %d: %v", call, n, err)
			}
			// Whether the image is there or not, this finishes it.
			_, _ = store.Remove(t.Context(), id, libstorage.RemoveOptions{Force: true})
			if left := leftOfImages(t, store); !slices.Equal(left, clean) {
				t.Fatalf("killed at %s %d: %q is left, want %q", call, n, left, clean)
			}
		}
	}
	t.Logf("killed at %d points", points)
	if points < 30 {
		t.Errorf("killed at %d points only", points)
	}
}

// leftOfImages lists what removals may leave.
func leftOfImages(t *testing.T, store *libstorage.Store) []string {
	t.Helper()
	var left []string
	for _, dir := range []string{"overlay", "overlay/l", "overlay/tempdirs", "overlay-images", "overlay-layers", "tug/removing", "tug/leases"} {
		entries, err := os.ReadDir(filepath.Join(store.Root(), dir))
		if err != nil {
			continue
		}
		for _, entry := range entries {
			// The library leaves its own temporary files, which are not ours
			// to recognize, and replaces them one day.
			if ok, _ := filepath.Match(".tmp-*", entry.Name()); !ok && entry.Name() != "tempdirs" {
				left = append(left, dir+"/"+entry.Name())
			}
		}
	}
	return left
}
