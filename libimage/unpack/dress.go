// SPDX-License-Identifier: Apache-2.0

package unpack

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"strings"
	"time"
	"unsafe"

	"github.com/vbatts/tar-split/archive/tar"
	"golang.org/x/sys/unix"
)

// dressFile gives a new file its owner, mode, times and attributes, once it is
// written.
func (t *tree) dressFile(file *os.File, h *tar.Header) error {
	fd := int(file.Fd())
	err := t.dressFD(fd, h)
	if err == nil {
		err = fileTimes(fd, h)
	}
	if err == nil {
		err = t.attributes(h, func(name string, value []byte) error { return unix.Fsetxattr(fd, name, value, 0) })
	}
	if err != nil {
		return &fs.PathError{Op: "unpack", Path: path.Clean("/" + h.Name), Err: err}
	}
	return nil
}

// directory dresses one. Its times are set at the end, by finish.
func (t *tree) directory(at int, base string, h *tar.Header) error {
	fd, err := unix.Openat(at, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := t.dressFD(fd, h); err != nil {
		return err
	}
	if base == "." {
		mode := uint32(h.Mode & 0o7777)
		t.rootMode = &mode
	}
	t.dirs = append(t.dirs, h)
	return t.attributes(h, func(name string, value []byte) error { return unix.Fsetxattr(fd, name, value, 0) })
}

// dressFD gives an open file its owner and then its mode, which the other order
// would take bits from.
func (t *tree) dressFD(fd int, h *tar.Header) error {
	if err := t.owned(unix.Fchown(fd, h.Uid, h.Gid), h); err != nil {
		return err
	}
	return unix.Fchmod(fd, uint32(h.Mode&0o7777))
}

// dressAt dresses what is not opened: links, devices, pipes.
func (t *tree) dressAt(at int, base string, h *tar.Header) error {
	if err := t.own(at, base, h); err != nil {
		return err
	}
	soft := h.Typeflag == tar.TypeSymlink
	if h.Typeflag == tar.TypeLink {
		var st unix.Stat_t
		if err := unix.Fstatat(at, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
		soft = st.Mode&unix.S_IFMT == unix.S_IFLNK
	}
	if !soft {
		// Nobody else is here to put a symbolic link in its place.
		if err := unix.Fchmodat(at, base, uint32(h.Mode&0o7777), 0); err != nil {
			return err
		}
	}
	switch {
	case h.Typeflag == tar.TypeSymlink:
		times := []unix.Timespec{said(later(h)), said(h.ModTime)}
		if err := unix.UtimesNanoAt(at, base, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
	case !soft:
		times := []unix.Timespec{clamped(later(h)), clamped(h.ModTime)}
		if err := unix.UtimesNanoAt(at, base, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
	}
	return t.attributes(h, func(name string, value []byte) error {
		// There is no such call that takes a directory and a name.
		if err := unix.Fchdir(at); err != nil {
			return err
		}
		return unix.Lsetxattr(base, name, value, 0)
	})
}

func (t *tree) own(at int, base string, h *tar.Header) error {
	return t.owned(unix.Fchownat(at, base, h.Uid, h.Gid, unix.AT_SYMLINK_NOFOLLOW), h)
}

func (t *tree) owned(err error, h *tar.Header) error {
	if err == nil || t.opts.IgnoreChown {
		return nil
	}
	if err == unix.EINVAL {
		return fmt.Errorf("owner %d:%d: the user namespace has no such ids (see /etc/subuid and /etc/subgid): %w", h.Uid, h.Gid, err)
	}
	return err
}

// attributes sets the extended ones. What the file system does not know, or
// the user namespace does not allow, is left out.
func (t *tree) attributes(h *tar.Header, set func(name string, value []byte) error) error {
	for key, value := range h.PAXRecords {
		name, ok := strings.CutPrefix(key, xattrPrefix)
		if !ok || name == selinuxXattr {
			continue
		}
		err := set(name, []byte(value))
		if err == unix.ENOTSUP || err == unix.EPERM && t.opts.InUserNS {
			continue
		}
		if err != nil {
			return fmt.Errorf("set attribute %q: %w", name, err)
		}
	}
	return nil
}

// finish sets the times of directories, which change as they are filled.
func (t *tree) finish() error {
	t.forget()
	for _, h := range t.dirs {
		dir, base := split(h.Name)
		parent, err := t.openDir(dir, unix.O_PATH)
		if err != nil {
			return err
		}
		var st unix.Stat_t
		at := int(parent.Fd())
		err = unix.Fstatat(at, base, &st, unix.AT_SYMLINK_NOFOLLOW)
		if err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR { // else it was replaced
			times := []unix.Timespec{clamped(h.AccessTime), clamped(h.ModTime)}
			err = unix.UtimesNanoAt(at, base, times, unix.AT_SYMLINK_NOFOLLOW)
		}
		if err = errors.Join(err, parent.Close()); err != nil {
			return &fs.PathError{Op: "set the time of", Path: path.Clean("/" + h.Name), Err: bare(err)}
		}
	}
	return nil
}

// fileTimes sets those of an open file.
func fileTimes(fd int, h *tar.Header) error {
	times := [2]unix.Timespec{clamped(later(h)), clamped(h.ModTime)}
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&times)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// later is when a file was read: not before it was written.
func later(h *tar.Header) time.Time {
	if h.AccessTime.Before(h.ModTime) {
		return h.ModTime
	}
	return h.AccessTime
}

// clamped makes a time that is not said, or that nanoseconds since 1970 cannot
// say, 1970.
func clamped(when time.Time) unix.Timespec {
	if when.Before(time.Unix(0, 0)) || when.After(time.Unix(0, math.MaxInt64)) {
		when = time.Unix(0, 0)
	}
	return unix.NsecToTimespec(when.UnixNano())
}

// said leaves a time that is not said as it is. (For symbolic links; the storage
// library has these two ways.)
func said(when time.Time) unix.Timespec {
	if when.IsZero() {
		return unix.Timespec{Nsec: unix.UTIME_OMIT}
	}
	return unix.NsecToTimespec(when.UnixNano())
}
