// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// place makes the mount point RunDir()/mounts/N for an open file or directory.
func (c *Container) place(handle *os.File) (string, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(handle.Fd()), &st); err != nil {
		return "", err
	}
	target := filepath.Join(c.runDir, mountsDir, strconv.Itoa(c.mounts))
	c.mounts++
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		if err := mkdir(target); err != nil {
			return "", err
		}
	case unix.S_IFREG:
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return "", err
		}
		f, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return "", err
		}
		if err := f.Close(); err != nil {
			return "", err
		}
	default:
		return "", fmt.Errorf("neither a directory nor a regular file")
	}
	return target, nil
}

// bind mounts an open file or directory at RunDir()/mounts/N.
func (c *Container) bind(handle *os.File) (string, error) {
	target, err := c.place(handle)
	if err != nil {
		return "", err
	}
	source := "/proc/self/fd/" + strconv.Itoa(int(handle.Fd()))
	if err := unix.Mount(source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return "", &os.PathError{Op: "mount", Path: target, Err: err}
	}
	if err := unix.Mount("", target, "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return "", &os.PathError{Op: "mount", Path: target, Err: err}
	}
	return target, nil
}
