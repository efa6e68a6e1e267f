// SPDX-License-Identifier: Apache-2.0

// Package treetar writes the files of a container as a tar archive. Every file
// is reached from the descriptor of the directory above it, and looked at
// before it is opened, so that a container that changes its files meanwhile
// leads nowhere else.
package treetar

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/idmap"
	"github.com/tug-containers/tug/internal/rootdir"
	"golang.org/x/sys/unix"
)

const (
	whiteout  = ".wh."
	opaque    = ".wh..wh..opq"
	maxXattrs = 1 << 16
)

// Options are the choices of Write.
type Options struct {
	// Upper says that the tree is the upper directory of an overlay: what it
	// hides is written as a layer of an image says it.
	Upper bool
	// IDs say whom the files belong to in the container, where they have the host's
	// ids; nil: as they are.
	IDs *idmap.Mapping
}

// Write writes everything beneath a root to w, and ends the archive. Sockets
// are left out: an archive has no form for them.
func Write(ctx context.Context, w io.Writer, root *rootdir.Dir, opts Options) error {
	top, err := root.OpenDir("/")
	if err != nil {
		return err
	}
	defer top.Close()
	t := &writer{ctx: ctx, out: tar.NewWriter(w), opts: opts, links: map[inode]string{}}
	if opts.Upper {
		if t.notes, err = idmap.OverlayPrefix(); err != nil {
			return err
		}
	}
	if err := t.directory(top, ""); err != nil {
		return err
	}
	return t.out.Close()
}

// WriteOne writes what name leads to in a root as an entry called as, with what
// is beneath it, and ends the archive. With as "." a directory's content is
// written alone.
func WriteOne(ctx context.Context, w io.Writer, root *rootdir.Dir, name, as string, opts Options) error {
	handle, err := root.OpenPath(name)
	if err != nil {
		return err
	}
	defer handle.Close()
	t := &writer{ctx: ctx, out: tar.NewWriter(w), opts: opts, links: map[inode]string{}}
	if err := t.write(handle, as); err != nil {
		return err
	}
	return t.out.Close()
}

type inode struct{ dev, ino uint64 }

type writer struct {
	ctx   context.Context
	out   *tar.Writer
	opts  Options
	links map[inode]string // the first name of a file that has several
	notes string           // what the notes of the overlay begin with, with Upper
}

// directory writes what is in an open directory, in the order of names.
func (t *writer) directory(dir *os.File, name string) error {
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("read /%s: %w", name, err)
	}
	slices.Sort(names)
	for _, base := range names {
		if err := context.Cause(t.ctx); err != nil {
			return err
		}
		if err := t.entry(dir, base, path.Join(name, base)); err != nil {
			return err
		}
	}
	return nil
}

func (t *writer) entry(dir *os.File, base, name string) error {
	fd, err := unix.Openat(int(dir.Fd()), base, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return nil // it went meanwhile
	}
	if err != nil {
		return fmt.Errorf("open /%s: %w", name, err)
	}
	handle := os.NewFile(uintptr(fd), name)
	defer handle.Close()
	return t.write(handle, name)
}

// write writes an entry, and a directory's content.
func (t *writer) write(handle *os.File, name string) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(handle.Fd()), &st); err != nil {
		return fmt.Errorf("stat /%s: %w", name, err)
	}
	kind := st.Mode & unix.S_IFMT
	if kind == unix.S_IFSOCK {
		return nil
	}
	if t.opts.Upper && kind == unix.S_IFCHR && st.Rdev == 0 {
		return t.mark(path.Join(path.Dir(name), whiteout+path.Base(name)), &st)
	}
	header, hidden, err := t.header(handle, name, &st)
	if err != nil {
		return err
	}
	if kind != unix.S_IFDIR && st.Nlink > 1 {
		key := inode{uint64(st.Dev), st.Ino}
		if first, ok := t.links[key]; ok {
			header.Typeflag, header.Linkname, header.Size = tar.TypeLink, first, 0
			return t.out.WriteHeader(header)
		}
		t.links[key] = name
	}
	if header.Typeflag == tar.TypeReg {
		return t.file(handle, header)
	}
	if err := t.out.WriteHeader(header); err != nil || kind != unix.S_IFDIR {
		return err
	}
	if hidden {
		if err := t.mark(path.Join(name, opaque), &st); err != nil {
			return err
		}
	}
	sub, err := reopen(handle, unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer sub.Close()
	return t.directory(sub, name)
}

// mark writes an empty file that says that something is hidden.
func (t *writer) mark(name string, st *unix.Stat_t) error {
	return t.out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, ModTime: time.Unix(st.Mtim.Unix())})
}

// header describes a file; hidden says that a directory hides what is below.
func (t *writer) header(handle *os.File, name string, st *unix.Stat_t) (h *tar.Header, hidden bool, err error) {
	uid, gid := t.opts.IDs.Inside(st.Uid, st.Gid)
	h = &tar.Header{
		Name: name, Mode: int64(st.Mode & 0o7777), Uid: int(uid), Gid: int(gid),
		ModTime: time.Unix(st.Mtim.Unix()), PAXRecords: map[string]string{}, Format: tar.FormatPAX,
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
	case unix.S_IFREG:
		h.Typeflag, h.Size = tar.TypeReg, st.Size
	case unix.S_IFLNK:
		buf := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(int(handle.Fd()), "", buf)
		if err != nil {
			return nil, false, fmt.Errorf("read link /%s: %w", name, err)
		}
		h.Typeflag, h.Linkname = tar.TypeSymlink, string(buf[:n])
		return h, false, nil
	case unix.S_IFIFO:
		h.Typeflag = tar.TypeFifo
		return h, false, nil
	case unix.S_IFCHR, unix.S_IFBLK:
		h.Typeflag = tar.TypeChar
		if st.Mode&unix.S_IFMT == unix.S_IFBLK {
			h.Typeflag = tar.TypeBlock
		}
		h.Devmajor, h.Devminor = int64(unix.Major(uint64(st.Rdev))), int64(unix.Minor(uint64(st.Rdev)))
		return h, false, nil
	}
	hidden, err = t.attributes(handle, name, h)
	return h, hidden, err
}

// attributes adds the extended attributes of a file or a directory.
func (t *writer) attributes(handle *os.File, name string, h *tar.Header) (hidden bool, err error) {
	place := proc(handle)
	list := make([]byte, maxXattrs)
	n, err := unix.Listxattr(place, list)
	if err == unix.ENOTSUP {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("attributes of /%s: %w", name, err)
	}
	for key := range bytes.SplitSeq(list[:n], []byte{0}) {
		if len(key) == 0 {
			continue
		}
		value := make([]byte, maxXattrs)
		size, err := unix.Getxattr(place, string(key), value)
		if err != nil {
			continue // it went meanwhile, or is not for us
		}
		value = value[:size]
		note, ours := "", false
		if t.opts.Upper {
			note, ours = strings.CutPrefix(string(key), t.notes)
		}
		switch {
		case ours && note == "opaque" && string(value) == "y":
			hidden = true
		case ours && (note == "redirect" || note == "metacopy"):
			return false, fmt.Errorf("/%s: the overlay keeps only a part of it (%s)", name, key)
		case !written(string(key)):
			continue
		case string(key) == capability:
			root, _ := t.opts.IDs.Root()
			if value = capabilityInside(value, root); value == nil {
				continue
			}
			fallthrough
		default:
			h.PAXRecords[attribute+string(key)] = string(value)
		}
	}
	return hidden, nil
}

// file writes a regular file. One that shrinks meanwhile is filled up with
// zeros, as the length stands before the content.
func (t *writer) file(handle *os.File, header *tar.Header) error {
	f, err := reopen(handle, unix.O_NONBLOCK)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := t.out.WriteHeader(header); err != nil {
		return err
	}
	n, err := io.Copy(t.out, io.LimitReader(f, header.Size))
	if err != nil {
		return fmt.Errorf("read /%s: %w", header.Name, err)
	}
	_, err = io.CopyN(t.out, zeros{}, header.Size-n)
	return err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func proc(handle *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", handle.Fd()) }

// reopen opens for reading what a descriptor without access stands for.
func reopen(handle *os.File, flags int) (*os.File, error) {
	fd, err := unix.Open(proc(handle), unix.O_RDONLY|unix.O_CLOEXEC|flags, 0)
	if err != nil {
		return nil, fmt.Errorf("open /%s: %w", handle.Name(), err)
	}
	return os.NewFile(uintptr(fd), handle.Name()), nil
}
