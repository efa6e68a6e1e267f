// SPDX-License-Identifier: Apache-2.0

package treediff_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tug-containers/tug/internal/treediff"
	"golang.org/x/sys/unix"
)

// layer makes a directory of what the words say: "d/" a directory, "f=text" a
// file, "l>target" a link, "-w" a whiteout, "d!" a directory that hides what is
// below.
func layer(t *testing.T, words string) string {
	t.Helper()
	dir := t.TempDir()
	for _, word := range strings.Fields(words) {
		var err error
		name, text, isFile := strings.Cut(word, "=")
		link, target, isLink := strings.Cut(word, ">")
		switch {
		case isFile:
			err = os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)
		case isLink:
			err = os.Symlink(target, filepath.Join(dir, link))
		case strings.HasPrefix(word, "-"):
			err = unix.Mknod(filepath.Join(dir, word[1:]), unix.S_IFCHR, 0)
		default:
			name := filepath.Join(dir, strings.TrimRight(word, "/!"))
			if err = os.Mkdir(name, 0o755); err == nil && strings.HasSuffix(word, "!") {
				err = unix.Setxattr(name, "trusted.overlay.opaque", []byte("y"), 0)
			}
		}
		if err != nil {
			t.Fatalf("%s: %v", word, err)
		}
	}
	// Everything has the same time.
	err := filepath.WalkDir(dir, func(name string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return unix.UtimesNanoAt(unix.AT_FDCWD, name, []unix.Timespec{{Sec: 1}, {Sec: 1}}, unix.AT_SYMLINK_NOFOLLOW)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestCompare(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	for _, test := range []struct {
		name string
		// Layers, the uppermost first; those of before are below them with above.
		above       bool
		now, before []string
		want        string
	}{
		{"nothing", true, []string{""}, []string{"d/ d/f=1"}, ""},
		{"first layer", true, []string{"d/ d/f=1"}, nil, "A/d A/d/f"},
		{"added", true, []string{"d/ d/e/ d/e/g=1"}, []string{"d/ d/f=1"}, "C/d A/d/e A/d/e/g"},
		{"changed", true, []string{"d/ d/f=1"}, []string{"d/ d/f=1"}, "C/d C/d/f"},
		{"copied up", true, []string{"d/"}, []string{"d/ d/f=1"}, ""},
		{"deleted", true, []string{"d/ -d/f"}, []string{"d/ d/f=1"}, "C/d D/d/f"},
		{"deleted with all", true, []string{"-d"}, []string{"d/ d/f=1"}, "D/d"},
		{"deleted what is not there", true, []string{"-x"}, []string{"d/"}, ""},
		{"made anew", true, []string{"d! d/g=1"}, []string{"d/ d/f=1 d/e/ d/e/x=1"}, "C/d D/d/e D/d/f A/d/g"},
		{"a file becomes a directory", true, []string{"f/ f/g=1"}, []string{"f=1"}, "C/f A/f/g"},
		{"a directory becomes a link", true, []string{"d>/etc"}, []string{"d/ d/f=1"}, "C/d"},
		{"through three layers", true, []string{"d/ d/a=1"}, []string{"-d", "d/ d/a=0"}, "A/d A/d/a"},
		{"hidden further below", true, []string{"d/ d/a=1"}, []string{"d/ d/b=1", "d=file"}, "C/d A/d/a"},
		{"same trees", false, []string{"d/ d/f=1 l>x"}, []string{"d/ d/f=1 l>x"}, ""},
		{"other trees", false, []string{"d/ d/f=12 l>x a=1"}, []string{"d/ d/f=1 l>y z/ z/y=1"}, "A/a C/d C/d/f C/l D/z"},
		{"layers and one tree", false, []string{"-d/f d2/", "d/ d/f=1"}, []string{"d/ d2/"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var now, before treediff.Tree
			for _, words := range test.before {
				before = append(before, layer(t, words))
			}
			for _, words := range test.now {
				if strings.HasPrefix(words, "-d/f") {
					words = "d/ " + words
				}
				now = append(now, layer(t, words))
			}
			if test.above {
				now = append(now, before...)
			}
			changes, err := treediff.Compare(t.Context(), before, now)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, change := range changes {
				got = append(got, string(change.Kind)+change.Path)
			}
			if !slices.Equal(got, strings.Fields(test.want)) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// A container that only set a time has changed its file; one that did so in a
// copy of the tree, too.
func TestCompareTimes(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	now, before := layer(t, "d/ d/f=1"), layer(t, "d/ d/f=1")
	if err := os.Chtimes(filepath.Join(now, "d/f"), time.Time{}, time.Unix(2, 0)); err != nil {
		t.Fatal(err)
	}
	changes, err := treediff.Compare(t.Context(), treediff.Tree{before}, treediff.Tree{now})
	if err != nil || len(changes) != 2 || changes[1] != (treediff.Change{Kind: treediff.Changed, Path: "/d/f"}) {
		t.Errorf("got %v, %v", changes, err)
	}
}

// A redirected directory is elsewhere in the layer below: nothing is invented.
func TestCompareRedirect(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	now, before := layer(t, "d/"), layer(t, "e/ e/f=1")
	if err := unix.Setxattr(filepath.Join(now, "d"), "trusted.overlay.redirect", []byte("/e"), 0); err != nil {
		t.Fatal(err)
	}
	if changes, err := treediff.Compare(t.Context(), treediff.Tree{before}, treediff.Tree{now, before}); err == nil {
		t.Errorf("got %v", changes)
	}
}
