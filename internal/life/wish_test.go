// SPDX-License-Identifier: Apache-2.0

package life

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWish(t *testing.T) {
	dir := t.TempDir()
	if TakeWish(dir) != nil {
		t.Fatal("a wish that nobody has")
	}
	for _, failure := range []string{"", "no such runtime"} {
		asked, err := NewWish(dir)
		if err != nil {
			t.Fatal(err)
		}
		if answered, _ := asked.Answer(); answered {
			t.Error("answered by nobody")
		}
		taken := TakeWish(dir)
		if taken == nil {
			t.Fatal("the wish is not found")
		}
		if TakeWish(dir) != nil {
			t.Error("taken twice")
		}
		taken.Answered(failure)
		if answered, got := asked.Answer(); !answered || got != failure {
			t.Errorf("answer %v %q, want %q", answered, got, failure)
		}
		if err := asked.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestWishOfTwo: who takes back a wish leaves that of the other.
func TestWishOfTwo(t *testing.T) {
	dir := t.TempDir()
	one, err := NewWish(dir)
	if err != nil {
		t.Fatal(err)
	}
	two, err := NewWish(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	taken := TakeWish(dir)
	if taken == nil {
		t.Fatal("the other's wish is gone")
	}
	taken.Answered("")
	if answered, _ := two.Answer(); !answered {
		t.Error("the other has no answer")
	}
	if err := two.Close(); err != nil {
		t.Error(err)
	}
}

// What somebody has taken back, or a command has left that was killed, is nobody's
// wish.
func TestWishEnds(t *testing.T) {
	dir := t.TempDir()
	asked, err := NewWish(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := asked.Close(); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Error("a wish that was taken back is left")
	}
	if asked, err = NewWish(dir); err != nil {
		t.Fatal(err)
	}
	if err := asked.f.Close(); err != nil { // as a kill does
		t.Fatal(err)
	}
	if TakeWish(dir) != nil {
		t.Error("the wish of a command that is gone")
	}
	if _, err := os.Lstat(filepath.Join(dir, wishFile)); err == nil {
		t.Error("it is left")
	}
}
