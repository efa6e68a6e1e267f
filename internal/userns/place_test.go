// SPDX-License-Identifier: Apache-2.0

package userns

import (
	"errors"
	"os"
	"testing"
)

func TestPrivate(t *testing.T) {
	dir := t.TempDir()
	make := func(name string, mode os.FileMode) string {
		path := dir + "/" + name
		if err := errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := make("good", 0o700)
	if err := os.Symlink(good, dir+"/link"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/file", nil, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		good:                     nil,
		make("readable", 0o755):  nil,
		make("group", 0o770):     errNotPrivate,
		make("world", 0o1777):    errNotPrivate,
		make("read-only", 0o500): errNotPrivate,
		dir + "/link":            errNotDirectory,
		dir + "/file":            errNotDirectory,
		dir + "/missing":         os.ErrNotExist,
	} {
		if err := private(path); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
	if os.Geteuid() != 0 {
		return
	}
	if err := os.Chown(good, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if err := private(good); !errors.Is(err, errNotOurs) {
		t.Errorf("of another user: %v", err)
	}
}
