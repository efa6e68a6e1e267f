// SPDX-License-Identifier: Apache-2.0

package treediff

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// entry is what a tree has under a name.
type entry struct {
	there bool
	st    unix.Stat_t
	link  string
	layer layer     // that it is from
	dirs  directory // of a directory, those that show through
}

// look finds what the directory has under a name, from its uppermost layer
// down. What it opened is in the entry also when it fails.
func (d directory) look(base, name string) (e entry, err error) {
	for _, l := range d {
		fd, err := unix.Openat(int(l.Fd()), base, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err == unix.ENOENT {
			continue
		} else if err != nil {
			return e, &os.PathError{Op: "open", Path: name, Err: err}
		}
		last, err := e.add(l, os.NewFile(uintptr(fd), name))
		if err != nil || last {
			return e, err
		}
	}
	return e, nil
}

// add takes what one layer has, and tells whether it hides what is below.
func (e *entry) add(l layer, handle *os.File) (last bool, err error) {
	defer handle.Close()
	fd := int(handle.Fd())
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return true, &os.PathError{Op: "stat", Path: handle.Name(), Err: err}
	}
	kind := st.Mode & unix.S_IFMT
	if kind == unix.S_IFCHR && st.Rdev == 0 { // a whiteout
		return true, nil
	}
	if kind != unix.S_IFDIR && e.there {
		return true, nil // hidden by a directory
	}
	if !e.there {
		e.there, e.st, e.layer = true, st, l
	}
	switch kind {
	case unix.S_IFLNK:
		buf := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(fd, "", buf)
		if err != nil {
			return true, &os.PathError{Op: "readlink", Path: handle.Name(), Err: err}
		}
		e.link = string(buf[:n])
	case unix.S_IFDIR:
		sub, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return true, &os.PathError{Op: "open", Path: handle.Name(), Err: err}
		}
		e.dirs = append(e.dirs, layer{os.NewFile(uintptr(sub), handle.Name()), l.number, l.shared, l.notes})
		if attribute(sub, l.notes+"redirect") != "" {
			return true, fmt.Errorf("%s: the overlay keeps it elsewhere (redirect_dir)", handle.Name())
		}
		return attribute(sub, l.notes+"opaque") == "y", nil
	}
	return true, nil
}

// attribute reads an attribute that an overlay gives to a directory.
func attribute(fd int, name string) string {
	var buf [256]byte
	n, err := unix.Fgetxattr(fd, name, buf[:])
	if err != nil {
		return ""
	}
	return string(buf[:n])
}
