// SPDX-License-Identifier: Apache-2.0

package rootdir_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/tug-containers/tug/internal/rootdir"
)

func TestOpenDir(t *testing.T) {
	root, dir, canary := tree(t)
	write(t, filepath.Join(dir, "var/data/file"), "", 0o644)
	link(t, "/var/data", filepath.Join(dir, "in"))
	link(t, canary, filepath.Join(dir, "out"))
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/var/data", "in", "/../in/"} {
		f, err := root.OpenDir(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if names, err := f.Readdirnames(-1); err != nil || len(names) != 1 || names[0] != "file" {
			t.Errorf("%s: %q, %v", name, names, err)
		}
		f.Close()
	}
	for name, want := range map[string]error{
		"out": os.ErrNotExist, "none": os.ErrNotExist, "fifo": rootdir.ErrNotDirectory, "var/data/file": rootdir.ErrNotDirectory, "var/data/file/x": syscall.ENOTDIR,
	} {
		if _, err := root.OpenDir(name); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}
