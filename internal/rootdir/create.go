// SPDX-License-Identifier: Apache-2.0

package rootdir

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// MkdirAll makes a directory and what lacks above it, each new one with the
// mode and the owner given, whatever the umask. Directories that are there keep
// theirs. A symbolic link to nothing in the middle is ErrDangling.
func (d *Dir) MkdirAll(name string, mode fs.FileMode, uid, gid int) error {
	info, err := d.Stat(name)
	if err == nil && info.IsDir() {
		return nil
	}
	if err == nil {
		return &fs.PathError{Op: "mkdir", Path: name, Err: ErrNotDirectory}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	made := "/"
	for _, element := range strings.Split(strings.Trim(path.Clean("/"+name), "/"), "/") {
		made = path.Join(made, element)
		if err := d.mkdir(made, mode, uid, gid); err != nil {
			return err
		}
	}
	return nil
}

// mkdir makes one directory, if it is not there.
func (d *Dir) mkdir(name string, mode fs.FileMode, uid, gid int) error {
	parent, base, err := d.parent("mkdir", name)
	if err != nil {
		return err
	}
	defer parent.Close()
	err = unix.Mkdirat(int(parent.Fd()), base, uint32(mode.Perm()))
	if errors.Is(err, unix.EEXIST) {
		return d.mustBeDir(name)
	}
	if err != nil {
		return &fs.PathError{Op: "mkdir", Path: name, Err: err}
	}
	fd, err := unix.Openat(int(parent.Fd()), base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "mkdir", Path: name, Err: err}
	}
	defer unix.Close(fd)
	return own("mkdir", name, fd, mode, uid, gid)
}

// mustBeDir tells a directory, also behind a link, from what stands in its way.
func (d *Dir) mustBeDir(name string) error {
	info, err := d.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &fs.PathError{Op: "mkdir", Path: name, Err: ErrDangling}
	case err != nil:
		return err
	case !info.IsDir():
		return &fs.PathError{Op: "mkdir", Path: name, Err: ErrNotDirectory}
	}
	return nil
}

func own(op, name string, fd int, mode fs.FileMode, uid, gid int) error {
	if err := unix.Fchown(fd, uid, gid); err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	if err := unix.Fchmod(fd, uint32(mode.Perm())); err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	return nil
}
