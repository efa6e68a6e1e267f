// SPDX-License-Identifier: Apache-2.0

package copyup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// deepest is how many directories may lie in each other: two are held open for
// each.
const deepest = 500

// ErrTooDeep says that a tree has more directories in each other than are
// copied.
var ErrTooDeep = errors.New("directories are nested too deeply")

// Copy copies what is in the directory from to the empty directory to, which
// gets the attributes of from as well. The end of ctx stops it.
func Copy(ctx context.Context, from, to *os.File) error {
	c := copier{ctx: ctx, top: to, links: map[inode]string{}}
	return c.directory(from, to, "", 0)
}

// Link does as Copy, but each file, whatever it is, gets a second name in the place of
// a copy. Who changes one afterwards puts another in its place.
func Link(ctx context.Context, from, to *os.File) error {
	c := copier{ctx: ctx, top: to, linked: true}
	return c.directory(from, to, "", 0)
}

type copier struct {
	ctx context.Context
	top *os.File
	// linked: files are the same under another name.
	linked bool
	// links are the copies of files with more than one name, by source.
	links map[inode]string
}

type inode struct{ dev, ino uint64 }

// directory copies the content of from, and then its attributes: it is writable
// for us until all is there.
func (c *copier) directory(from, to *os.File, name string, depth int) error {
	if depth > deepest {
		return fail("copy", name, ErrTooDeep)
	}
	for {
		names, err := from.Readdirnames(256)
		for _, n := range names {
			if err := context.Cause(c.ctx); err != nil {
				return err
			}
			if err := c.entry(from, to, path.Join(name, n), depth); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fail("read", name, err)
		}
	}
	return attributes(from, to, name, c.linked)
}

// entry copies the last element of name.
func (c *copier) entry(from, to *os.File, name string, depth int) error {
	base := path.Base(name)
	var st unix.Stat_t
	if err := unix.Fstatat(int(from.Fd()), base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fail("stat", name, err)
	}
	kind := st.Mode & unix.S_IFMT
	if c.linked && kind != unix.S_IFDIR {
		if err := unix.Linkat(int(from.Fd()), base, int(to.Fd()), base, 0); err != nil {
			return fail("link", name, err)
		}
		return nil
	}
	switch kind {
	case unix.S_IFDIR:
		return c.subdirectory(from, to, name, depth)
	case unix.S_IFREG:
		return c.file(from, to, name, &st)
	case unix.S_IFLNK:
		return symlink(from, to, name, &st)
	case unix.S_IFIFO:
		return fifo(to, name, &st)
	}
	return nil // a device or a socket
}

func (c *copier) subdirectory(from, to *os.File, name string, depth int) error {
	base := path.Base(name)
	source, err := open(from, base, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return fail("open", name, err)
	}
	defer source.Close()
	if err := unix.Mkdirat(int(to.Fd()), base, 0o700); err != nil {
		return fail("mkdir", name, err)
	}
	target, err := open(to, base, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return fail("open", name, err)
	}
	defer target.Close()
	return c.directory(source, target, name, depth+1)
}

func (c *copier) file(from, to *os.File, name string, st *unix.Stat_t) (err error) {
	base, key := path.Base(name), inode{uint64(st.Dev), st.Ino}
	if first, copied := c.links[key]; copied {
		if err := unix.Linkat(int(c.top.Fd()), first, int(to.Fd()), base, 0); err != nil {
			return fail("link", name, err)
		}
		return nil
	}
	source, err := open(from, base, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return fail("open", name, err)
	}
	defer source.Close()
	if info, err := source.Stat(); err != nil || !info.Mode().IsRegular() {
		return fail("open", name, errors.Join(err, errors.New("it was replaced meanwhile")))
	}
	target, err := open(to, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return fail("create", name, err)
	}
	defer func() {
		if cerr := target.Close(); cerr != nil && err == nil {
			err = fail("close", name, cerr)
		}
	}()
	if err := c.content(source, target, st.Size); err != nil {
		return fail("copy", name, err)
	}
	if st.Nlink > 1 {
		c.links[key] = name
	}
	return attributes(source, target, name, false)
}

// step is how much is copied before ctx is looked at.
const step = 64 << 20

// content copies the data of a file, and leaves holes where it has them.
func (c *copier) content(from, to *os.File, size int64) error {
	if err := to.Truncate(size); err != nil {
		return err
	}
	for at := int64(0); at < size; {
		if err := context.Cause(c.ctx); err != nil {
			return err
		}
		data, err := unix.Seek(int(from.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return nil // a hole up to the end
		}
		hole := size
		if err != nil {
			data = at // no file system that knows of holes
		} else if hole, err = unix.Seek(int(from.Fd()), data, unix.SEEK_HOLE); err != nil {
			return err
		}
		hole = min(hole, size, data+step)
		if err := copyRange(from, to, data, hole); err != nil {
			return err
		}
		at = hole
	}
	return nil
}

func copyRange(from, to *os.File, start, end int64) error {
	for _, f := range []*os.File{from, to} {
		if _, err := f.Seek(start, io.SeekStart); err != nil {
			return err
		}
	}
	n, err := io.Copy(to, io.LimitReader(from, end-start))
	if err == nil && n < end-start {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func symlink(from, to *os.File, name string, st *unix.Stat_t) error {
	base := path.Base(name)
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(from.Fd()), base, buf)
	if err == nil {
		err = unix.Symlinkat(string(buf[:n]), int(to.Fd()), base)
	}
	return own(to, name, st, err)
}

func fifo(to *os.File, name string, st *unix.Stat_t) error {
	err := unix.Mknodat(int(to.Fd()), path.Base(name), unix.S_IFIFO|0o600, 0)
	if err = own(to, name, st, err); err != nil {
		return err
	}
	if err := unix.Fchmodat(int(to.Fd()), path.Base(name), st.Mode&0o7777, 0); err != nil {
		return fail("chmod", name, err)
	}
	return nil
}

// own gives what is not opened its owner and its time, if it could be made.
func own(to *os.File, name string, st *unix.Stat_t, err error) error {
	if err == nil {
		err = unix.Fchownat(int(to.Fd()), path.Base(name), int(st.Uid), int(st.Gid), unix.AT_SYMLINK_NOFOLLOW)
	}
	if err == nil {
		err = unix.UtimesNanoAt(int(to.Fd()), path.Base(name), []unix.Timespec{st.Atim, st.Mtim}, unix.AT_SYMLINK_NOFOLLOW)
	}
	if err != nil {
		return fail("copy", name, err)
	}
	return nil
}

// open opens a file of a directory, never by way of a symbolic link.
func open(dir *os.File, base string, flags int, mode uint32) (*os.File, error) {
	for {
		fd, err := unix.Openat(int(dir.Fd()), base, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
		if err == nil {
			return os.NewFile(uintptr(fd), base), nil
		} else if !errors.Is(err, unix.EINTR) {
			return nil, err
		}
	}
}

// fail names the path inside the tree.
func fail(op, name string, err error) error {
	if name == "" {
		name = "."
	}
	return fmt.Errorf("%s %s: %w", op, name, err)
}
