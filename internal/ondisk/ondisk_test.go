// SPDX-License-Identifier: Apache-2.0

package ondisk

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	shared := func(path string, data []byte, mode fs.FileMode, _ bool) error { return ReplaceShared(path, data, mode) }
	for i, replace := range []func(string, []byte, fs.FileMode, bool) error{Replace, shared} {
		for _, mode := range []fs.FileMode{0o600, 0o644} {
			old := unix.Umask(0o077)
			err := replace(path, []byte(mode.String()), mode, true)
			unix.Umask(old)
			info, serr := os.Stat(path)
			if data, rerr := Read(path, 100); err != nil || serr != nil || rerr != nil || string(data) != mode.String() || info.Mode() != mode {
				t.Errorf("%d: %v %v %v, %q", i, err, serr, rerr, data)
			}
		}
		if err := replace(filepath.Join(dir, "none", "f"), nil, 0o600, false); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%d: no directory: %v", i, err)
		}
		if err := os.MkdirAll(filepath.Join(dir, "d", "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := replace(filepath.Join(dir, "d"), nil, 0o600, false); err == nil {
			t.Errorf("%d: a directory was replaced", i)
		}
	}
	if names, err := Names(dir); err != nil || len(names) != 2 {
		t.Errorf("left: %v, %v", names, err)
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, size := range []int{0, 1, 4095, 4096, 4097, 10000} {
		if err := os.WriteFile(path, []byte(strings.Repeat("x", size)), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, read := range []func(string, int) ([]byte, error){Read, ReadHost} {
			if data, err := read(path, size); err != nil || len(data) != size {
				t.Errorf("%d: %d, %v", size, len(data), err)
			}
			if _, err := read(path, size-1); size > 0 && err == nil {
				t.Errorf("%d: read without a bound", size)
			}
		}
	}
	link, pipe := filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	if err := errors.Join(os.Symlink(path, link), unix.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(link, 1<<20); !errors.Is(err, unix.ELOOP) {
		t.Errorf("link: %v", err)
	}
	if _, err := ReadHost(link, 1<<20); err != nil {
		t.Errorf("link of the host: %v", err)
	}
	for _, read := range []func(string, int) ([]byte, error){Read, ReadHost} {
		if data, _ := read(pipe, 10); len(data) != 0 { // and nobody waits
			t.Errorf("pipe: %q", data)
		}
		if _, err := read(dir, 10); err == nil {
			t.Error("a directory was read")
		}
	}
	if names, err := Names(filepath.Join(dir, "none")); names != nil || err != nil {
		t.Errorf("%v, %v", names, err)
	}
	if err := errors.Join(Remove(path), Remove(path)); err != nil {
		t.Error(err)
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	if Held(path) {
		t.Error("held, and not there")
	}
	f, err := Lock(t.Context(), path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Hold(path, 0o600); !errors.Is(err, ErrLocked) || !Held(path) {
		t.Errorf("held: %v", err)
	}
	late := errors.New("late")
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, late)
	defer cancel()
	if _, err := Lock(ctx, path, 0o600); !errors.Is(err, ErrLocked) || !errors.Is(err, late) {
		t.Errorf("waited: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if f, err = Hold(path, 0o600); err != nil || !Held(path) {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil || Held(path) {
		t.Errorf("given back: %v", err)
	}
}
