// SPDX-License-Identifier: Apache-2.0

package house

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/tug-containers/tug"

// root is the top of the source tree.
const root = "../.."

// files gives the paths, relative to the top, of all files that belong to the
// source: not those of git, of a build, or of test data.
func files(t *testing.T) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			switch filepath.Base(name) {
			case ".git", "bin", "build", "testdata", "vendor":
				return filepath.SkipDir
			}
			return nil
		}
		if entry.Type().IsRegular() {
			paths = append(paths, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < 20 {
		t.Fatalf("only %d files found: this test looks in the wrong place", len(paths))
	}
	return paths
}

func goFiles(t *testing.T) []string {
	t.Helper()
	var paths []string
	for _, path := range files(t) {
		if strings.HasSuffix(path, ".go") {
			paths = append(paths, path)
		}
	}
	return paths
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// allowed reports whether line number n (from 1), or the line before it,
// allows a break of the rule and gives a reason.
func allowed(lines []string, n int, rule string) bool {
	mark := "house: allow " + rule + ": "
	for _, i := range []int{n - 1, n - 2} {
		if i >= 0 && i < len(lines) {
			if _, reason, ok := strings.Cut(lines[i], mark); ok && len(strings.TrimSpace(reason)) > 10 {
				return true
			}
		}
	}
	return false
}

func TestAllowed(t *testing.T) {
	lines := strings.Split("// house: allow x: a reason that says something\nfoo()\n\nbar() // house: allow x: y", "\n")
	for n, want := range map[int]bool{1: true, 2: true, 3: false, 4: false} {
		if got := allowed(lines, n, "x"); got != want {
			t.Errorf("line %d: %v", n, got)
		}
	}
	if allowed(lines, 2, "z") {
		t.Error("another rule is allowed too")
	}
}
