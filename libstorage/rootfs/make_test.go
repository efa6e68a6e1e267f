// SPDX-License-Identifier: Apache-2.0

package rootfs_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tug-containers/tug/libstorage/rootfs"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/reexec"
)

func TestMain(m *testing.M) {
	if reexec.Init() {
		return
	}
	os.Exit(m.Run())
}

// layer is what a layer of a test image holds: name -> content. A name that
// ends with "/" is a directory.
type layer map[string]string

// maker makes the FS of a new container over the layers, the lowest first.
// Calling again gives the same container as another process would see it.
type maker func(t *testing.T, layers []layer) (again func() rootfs.FS)

// implementations are all that the suite runs on.
func implementations(t *testing.T) map[string]maker {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("condition root: mounts need it")
	}
	return map[string]maker{
		"overlay/new-api":       overlayMaker("", rootfs.NewAPI, false),
		"overlay/mount-call":    overlayMaker("", rootfs.MountCall, false),
		"overlay/volatile":      overlayMaker("", rootfs.Best, true),
		"overlay/hostile-names": overlayMaker(`a,b:c d\e"f#\:`+strings.Repeat("x", 200), rootfs.NewAPI, false),
		"overlay/hostile-mount": overlayMaker(`a,b:c d\e"f#\:`+strings.Repeat("x", 200), rootfs.MountCall, true),
		"library/overlay":       libraryMaker("overlay"),
		"library/vfs":           libraryMaker("vfs"),
	}
}

func overlayMaker(sub string, method rootfs.Method, volatile bool) maker {
	return func(t *testing.T, layers []layer) func() rootfs.FS {
		dir := filepath.Join(t.TempDir(), sub)
		opts := rootfs.OverlayOptions{
			Base: dir, Upper: dir + "/c/upper", Work: dir + "/c/work", Target: dir + "/run/merged",
			Method: method, Volatile: volatile,
		}
		for i, l := range layers {
			name := fmt.Sprintf("layer%d", i)
			writeLayer(t, filepath.Join(dir, name), l)
			opts.Lower = append([]string{name}, opts.Lower...)
		}
		t.Cleanup(func() { _ = rootfs.Unmount(opts.Target) })
		return func() rootfs.FS { return rootfs.NewOverlay(opts) }
	}
}

func writeLayer(t *testing.T, dir string, l layer) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range l {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o755)
		} else if err == nil {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func libraryMaker(driver string) maker {
	return func(t *testing.T, layers []layer) func() rootfs.FS {
		dir := t.TempDir()
		store, err := storage.GetStore(storage.StoreOptions{
			GraphRoot: dir + "/root", RunRoot: dir + "/run", GraphDriverName: driver,
			GraphDriverOptions: []string{"overlay.skip_mount_home=true"},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if _, err := store.Shutdown(true); err != nil {
				t.Error(err)
			}
		})
		top := ""
		for i, l := range layers {
			put, _, err := store.PutLayer("", top, nil, "", false, nil, bytes.NewReader(tarOf(t, l)))
			if err != nil {
				t.Fatalf("layer %d: %v", i, err)
			}
			top = put.ID
		}
		img, err := store.CreateImage("", nil, top, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		opts := rootfs.LibraryOptions{ID: fmt.Sprintf("%x", sha256.Sum256([]byte(dir))), Name: "tug-test", Image: img.ID}
		return func() rootfs.FS { return rootfs.NewLibrary(store, opts) }
	}
}

func tarOf(t *testing.T, l layer) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for name, content := range l {
		h := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}
		if strings.HasSuffix(name, "/") {
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		}
		if err := w.WriteHeader(h); err != nil {
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
