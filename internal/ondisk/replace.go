// SPDX-License-Identifier: Apache-2.0

package ondisk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const noFollow = unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC

// Replace writes a file that is whole or as it was: another one, of the same name and
// ".tmp", that is renamed. Nobody else may write it at the same time. A durable one
// survives a power cut when Replace has returned.
func Replace(path string, data []byte, mode fs.FileMode, durable bool) error {
	f, err := os.OpenFile(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC|noFollow, mode)
	if err != nil {
		return err
	}
	if err := finish(f, path, data, mode, durable); err != nil || !durable {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// ReplaceShared does so where several may write the same file at once; the last one
// wins.
func ReplaceShared(path string, data []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*.tmp")
	if err != nil {
		return err
	}
	return finish(f, path, data, mode, false)
}

func finish(f *os.File, path string, data []byte, mode fs.FileMode, durable bool) error {
	_, err := f.Write(data)
	if err == nil && mode != 0o600 { // whatever the umask
		err = f.Chmod(mode)
	}
	if err == nil && durable {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, Remove(f.Name()))
	}
	return err
}

// SyncDir makes what was made, renamed and removed in a directory survive a power cut.
func SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Remove removes a file; a missing one is none to remove.
func Remove(path string) error {
	if err := unix.Unlink(path); err != nil && err != unix.ENOENT {
		return &os.PathError{Op: "remove", Path: path, Err: err}
	}
	return nil
}
