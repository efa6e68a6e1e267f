// SPDX-License-Identifier: Apache-2.0

package rootfs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// deepest is how many directories removeEntries holds open at once; what is
// below is moved up first.
const deepest = 100

// RemoveTree deletes a file or a directory with all that it holds, however
// deep. It follows no symbolic link and never goes into another mount: what a
// mount covers stays, and the error is EXDEV or EBUSY. Nothing there is no
// error.
func RemoveTree(path string) error {
	if err := removeOne(unix.AT_FDCWD, path); err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	} else if !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, unix.EEXIST) {
		return &os.PathError{Op: "remove", Path: path, Err: err}
	}
	parent, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: filepath.Dir(path), Err: err}
	}
	defer unix.Close(parent)
	r := remover{}
	for range 10 {
		err = r.directory(parent, filepath.Base(path), 0)
		if !errors.Is(err, unix.ENOTEMPTY) {
			break // else somebody has put something there meanwhile
		}
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	return nil
}

// removeOne unlinks a file or an empty directory.
func removeOne(dir int, name string) error {
	err := unix.Unlinkat(dir, name, unix.AT_REMOVEDIR)
	if errors.Is(err, unix.ENOTDIR) {
		err = unix.Unlinkat(dir, name, 0)
	}
	return err
}

type remover struct {
	top   int // the directory that takes what is too deep
	moved int
}

// directory deletes the directory called name in dir.
func (r *remover) directory(dir int, name string, depth int) error {
	fd, err := unix.Openat2(dir, name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS,
	})
	if errors.Is(err, unix.ENOENT) {
		return nil
	} else if err != nil {
		return &os.PathError{Op: "open", Path: name, Err: err}
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	if depth == 0 {
		r.top = fd
	}
	// What could not be moved into the first round is found in the next.
	for before := -1; before != r.moved; {
		before = r.moved
		if err := r.entries(f, fd, depth); err != nil {
			return err
		}
		if depth > 0 {
			break
		}
		if _, err := f.Seek(0, 0); err != nil {
			return err
		}
	}
	if err := unix.Unlinkat(dir, name, unix.AT_REMOVEDIR); err != nil && !errors.Is(err, unix.ENOENT) {
		return &os.PathError{Op: "remove", Path: name, Err: err}
	}
	return nil
}

func (r *remover) entries(f *os.File, fd, depth int) error {
	for {
		names, rerr := f.Readdirnames(256)
		for _, name := range names {
			err := removeOne(fd, name)
			if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) {
				if err := r.below(fd, name, depth); err != nil {
					return err
				}
			} else if err != nil && !errors.Is(err, unix.ENOENT) {
				return &os.PathError{Op: "remove", Path: name, Err: err}
			}
		}
		if len(names) == 0 || rerr != nil {
			return nil
		}
	}
}

func (r *remover) below(fd int, name string, depth int) error {
	if depth < deepest {
		return r.directory(fd, name, depth+1)
	}
	for {
		r.moved++
		err := unix.Renameat2(fd, name, r.top, ".tug-deep-"+strconv.Itoa(r.moved), unix.RENAME_NOREPLACE)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, unix.EEXIST): // a name that the tree had already
			return &os.PathError{Op: "move", Path: name, Err: err}
		}
	}
}
