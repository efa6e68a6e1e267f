// SPDX-License-Identifier: Apache-2.0

package treetar_test

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/tug-containers/tug/internal/rootdir"
	"github.com/tug-containers/tug/internal/treetar"
)

// An archive that ends in the middle of a file leaves the old file as it was,
// and nothing beside it.
func TestExtractReplacesWhole(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	if err := os.WriteFile(name, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	out := tar.NewWriter(&archive)
	if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "file", Mode: 0o644, Size: 3000}); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write(bytes.Repeat([]byte("new"), 1000)); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	root, err := rootdir.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	opts := treetar.ExtractOptions{Owner: &treetar.Owner{UID: os.Getuid(), GID: os.Getgid()}}
	check := func(want int) {
		t.Helper()
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 1 {
			t.Errorf("%v, %v", entries, err)
		}
		if info, err := os.Stat(name); err != nil || info.Size() != int64(want) {
			t.Errorf("the file has %d bytes, not %d (%v)", info.Size(), want, err)
		}
	}
	half := io.LimitReader(bytes.NewReader(archive.Bytes()), 1500)
	if err := treetar.Extract(t.Context(), half, root, "/", opts); err == nil {
		t.Error("half an archive was taken for a whole one")
	}
	check(3)
	if err := treetar.Extract(t.Context(), &archive, root, "/", opts); err != nil {
		t.Error(err)
	}
	check(3000)
}
