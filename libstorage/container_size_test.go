// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tug-containers/tug/libstorage"
)

func TestContainerSize(t *testing.T) {
	store := openStore(t, libstorage.Options{})
	id := addImage(t, store, busybox("localhost/box:1"))
	c := createContainer(t, store, libstorage.ContainerOptions{ImageID: id})
	upper := filepath.Join(c.Dir(), "upper")
	if err := os.MkdirAll(filepath.Join(upper, "a", "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(upper, "a", "b", "file"), make([]byte, 1000), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(upper, "a", "b", "file"), filepath.Join(upper, "again")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/", filepath.Join(upper, "host")); err != nil {
		t.Fatal(err)
	}
	info, err := store.Container(t.Context(), c.ID())
	if err != nil {
		t.Fatal(err)
	}
	image, err := store.Size(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if changed, whole, err := store.ContainerSize(t.Context(), &info); err != nil || changed != 1000 || whole != 1000+image {
		t.Errorf("%d, %d, %v; want 1000, %d", changed, whole, err, 1000+image)
	}
}
