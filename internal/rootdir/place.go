// SPDX-License-Identifier: Apache-2.0

package rootdir

import (
	"errors"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// placeTries is how often something that somebody else makes or removes at the
// same time is looked for.
const placeTries = 32

// Place gives a descriptor of name to mount something on (O_PATH). What is not
// there is made, and the directories above it: an empty file, or with directory
// an empty directory; made tells so. A link on the way may lead to another place
// in the tree, but ErrOutside is one that begins with a slash or goes up too far:
// the tree is only a part of the root file system, and nobody knows what the link
// means there. As long as the descriptor is open it stands for the file that was
// found, whatever is renamed meanwhile.
//
// Unlike the rest of the package it needs openat2 (Linux 5.6); unix.ENOSYS
// otherwise.
func (d *Dir) Place(name string, directory bool) (place *os.File, made bool, err error) {
	name = path.Clean("/" + name)
	for range placeTries {
		place, err = beneath(d.f, inside(name), 0)
		if !errors.Is(err, unix.ENOENT) {
			break
		}
		var parent *os.File
		if parent, _, err = d.Place(path.Dir(name), true); err != nil {
			return nil, false, err
		}
		place, err = makePlace(parent, path.Base(name), directory)
		parent.Close()
		if err == nil {
			return place, true, nil
		}
		// It appeared just now, or its directory was removed; or it is a link to
		// nothing, which remains that.
		if !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.ENOENT) {
			break
		}
	}
	switch {
	case errors.Is(err, unix.EXDEV):
		err = ErrOutside
	case errors.Is(err, unix.ELOOP):
		err = ErrLoop
	case errors.Is(err, unix.EEXIST):
		err = ErrDangling
	case err == nil:
		return place, false, nil
	}
	return nil, false, &fs.PathError{Op: "open", Path: name, Err: err}
}

func beneath(dir *os.File, name string, flags uint64) (*os.File, error) {
	how := unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC | flags,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS,
	}
	fd, err := unix.Openat2(int(dir.Fd()), name, &how)
	for range placeTries { // a rename somewhere on the host is enough
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			break
		}
		fd, err = unix.Openat2(int(dir.Fd()), name, &how)
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// makePlace makes an empty file or directory in a directory.
func makePlace(dir *os.File, base string, directory bool) (*os.File, error) {
	if directory {
		if err := unix.Mkdirat(int(dir.Fd()), base, 0o755); err != nil {
			return nil, err
		}
		return beneath(dir, base, unix.O_DIRECTORY|unix.O_NOFOLLOW)
	}
	fd, err := unix.Openat(int(dir.Fd()), base, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), base), nil
}
