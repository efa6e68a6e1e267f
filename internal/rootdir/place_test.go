// SPDX-License-Identifier: Apache-2.0

package rootdir_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tug-containers/tug/internal/rootdir"
	"golang.org/x/sys/unix"
)

func TestPlace(t *testing.T) {
	root, dir, canary := tree(t)
	if _, _, err := root.Place("/", true); errors.Is(err, unix.ENOSYS) {
		t.Skip("needs openat2")
	}
	write(t, filepath.Join(dir, "file"), "", 0o644)
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{
		"in": "d", "in-file": "d/../file", "out": canary, "slash": "/d", "up": "../" + filepath.Base(canary), "dangling": "nothing", "loop": "loop",
		"d/up": "..",
	} {
		link(t, to, filepath.Join(dir, name))
	}
	for _, tc := range []struct {
		name      string
		directory bool
		leads     string // "" to nothing that was there
		err       error
	}{
		{"/", true, ".", nil}, {"/d", true, "d", nil}, {"d/", true, "d", nil}, {"/in", true, "d", nil}, {"/in/up/d", true, "d", nil},
		{"/file", false, "file", nil}, {"/in-file", false, "file", nil}, {"/../../d", true, "d", nil},
		{"/new", true, "", nil}, {"/a/b/c", true, "", nil}, {"/a/b/f", false, "", nil}, {"/in/x", false, "", nil},
		{"/out", true, "", rootdir.ErrOutside}, {"/out/x", true, "", rootdir.ErrOutside}, {"/slash", true, "", rootdir.ErrOutside},
		{"/up/x", false, "", rootdir.ErrOutside}, {"/dangling", true, "", rootdir.ErrDangling}, {"/dangling/x", true, "", rootdir.ErrDangling},
		{"/loop", true, "", rootdir.ErrLoop}, {"/file/x", true, "", unix.ENOTDIR}, {"/a\x00b", true, "", unix.EINVAL},
	} {
		f, made, err := root.Place(tc.name, tc.directory)
		if !errors.Is(err, tc.err) || err == nil && made != (tc.leads == "") {
			t.Errorf("Place(%s): made %v, %v; want %v", tc.name, made, err, tc.err)
		}
		if err != nil {
			continue
		}
		found, ferr := f.Stat()
		want, werr := os.Stat(filepath.Join(dir, tc.leads))
		if tc.leads == "" {
			want, werr = os.Stat(filepath.Join(dir, strings.Replace(tc.name, "/in/", "/d/", 1)))
		}
		if ferr != nil || werr != nil || !os.SameFile(found, want) || found.IsDir() != tc.directory {
			t.Errorf("Place(%s) is another file: %v, %v", tc.name, ferr, werr)
		}
		f.Close()
	}
	if entries, err := os.ReadDir(canary); err != nil || len(entries) != 1 {
		t.Errorf("the canary has %v, %v", entries, err)
	}
}

// While somebody exchanges a directory with a link that leads out, nothing is made
// outside.
func TestPlaceSwapped(t *testing.T) {
	root, dir, canary := tree(t)
	if _, _, err := root.Place("/", true); errors.Is(err, unix.ENOSYS) {
		t.Skip("needs openat2")
	}
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := os.Mkdir(a, 0o755); err != nil {
		t.Fatal(err)
	}
	link(t, canary, b)
	done := make(chan struct{})
	var swapping sync.WaitGroup
	swapping.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
			}
		}
	})
	inside, outside := 0, 0
	for i := range 4000 {
		f, _, err := root.Place("/a/sub/new", i%2 == 0)
		switch {
		case err == nil:
			f.Close()
			inside++
			for _, where := range []string{a, b} { // whichever it is now
				_ = os.Remove(where + "/sub/new")
				_ = os.Remove(where + "/sub")
			}
		case errors.Is(err, rootdir.ErrOutside):
			outside++
		}
	}
	close(done)
	swapping.Wait()
	t.Logf("%d inside, %d refused", inside, outside)
	if entries, err := os.ReadDir(canary); err != nil || len(entries) != 1 {
		t.Errorf("the canary has %v, %v", entries, err)
	}
}
