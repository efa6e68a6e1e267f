// SPDX-License-Identifier: Apache-2.0

package treetar

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"time"

	"github.com/tug-containers/tug/internal/idmap"
	"github.com/tug-containers/tug/internal/rootdir"
	"golang.org/x/sys/unix"
)

// Owner is who files belong to.
type Owner struct{ UID, GID int }

// ExtractOptions are the choices of Extract.
type ExtractOptions struct {
	// Owner gets everything; nil keeps the owners that the archive says.
	Owner *Owner
	// Overwrite lets a directory take the place of something else, and the
	// other way round.
	Overwrite bool
	// IDs say what the host's ids are for those of Owner and of the archive; nil:
	// they are the host's. The files are made as the container's root.
	IDs *idmap.Mapping
}

// ErrWouldOverwrite: a directory stands where something else is to be, or the
// other way round.
var ErrWouldOverwrite = errors.New("a directory and something else have the same name")

// Extract makes the files of an archive beneath dir in a root. Names and links
// cannot lead out of the root: directories are resolved within it, and the last
// element of a name is never followed.
func Extract(ctx context.Context, r io.Reader, root *rootdir.Dir, dir string, opts ExtractOptions) error {
	x := &extractor{root: root, dir: dir, opts: opts}
	return opts.IDs.AsRoot(func() error { return x.all(ctx, tar.NewReader(r)) })
}

func (x *extractor) all(ctx context.Context, in *tar.Reader) error {
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		header, err := in.Next()
		if err == io.EOF {
			return x.times()
		}
		if err != nil {
			return fmt.Errorf("read the archive: %w", err)
		}
		if err := x.entry(header, in); err != nil {
			return err
		}
	}
}

type extractor struct {
	root *rootdir.Dir
	dir  string
	opts ExtractOptions
	dirs []*tar.Header // their times are set at the end
}

// place opens the directory of an entry, which is made where it lacks.
func (x *extractor) place(name string) (parent *os.File, base string, err error) {
	full := path.Join("/", x.dir, path.Join("/", name))
	dir, base := path.Split(full)
	parent, err = x.root.OpenDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		owner := x.owner(&tar.Header{})
		if err = x.root.MkdirAll(dir, 0o755, owner.UID, owner.GID); err == nil {
			parent, err = x.root.OpenDir(dir)
		}
	}
	return parent, base, err
}

// owner is who an entry belongs to, on the host. What the container does not have
// is its root's.
func (x *extractor) owner(h *tar.Header) Owner {
	owner := Owner{h.Uid, h.Gid}
	if x.opts.Owner != nil {
		owner = *x.opts.Owner
	}
	if x.opts.IDs.IsZero() {
		return owner
	}
	uid, gid, ok := x.opts.IDs.Host(uint32(owner.UID), uint32(owner.GID))
	if !ok {
		uid, gid = x.opts.IDs.Root()
	}
	return Owner{int(uid), int(gid)}
}

func (x *extractor) entry(h *tar.Header, content io.Reader) error {
	if path.Join("/", h.Name) == "/" {
		return nil // the directory itself, which is there
	}
	parent, base, err := x.place(h.Name)
	if err != nil {
		return err
	}
	defer parent.Close()
	fail := func(err error) error {
		return &fs.PathError{Op: "write", Path: path.Join("/", x.dir, h.Name), Err: err}
	}
	at := int(parent.Fd())
	made, err := x.room(parent, base, h)
	if err != nil {
		return fail(err)
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if !made {
			err = unix.Mkdirat(at, base, 0o700)
		}
		x.dirs = append(x.dirs, h)
	case tar.TypeReg:
		if err := x.replace(at, base, h, content); err != nil {
			return fail(err)
		}
		return nil
	case tar.TypeSymlink:
		err = unix.Symlinkat(h.Linkname, at, base)
	case tar.TypeLink:
		return x.link(h, at, base)
	case tar.TypeFifo:
		err = unix.Mknodat(at, base, unix.S_IFIFO|0o600, 0)
	case tar.TypeChar:
		err = unix.Mknodat(at, base, unix.S_IFCHR|0o600, int(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))))
	case tar.TypeBlock:
		err = unix.Mknodat(at, base, unix.S_IFBLK|0o600, int(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))))
	default:
		return nil // what is about the archive, and no file
	}
	if err == nil {
		err = x.dress(at, base, h, made)
	}
	if err != nil {
		return fail(err)
	}
	return nil
}

// room takes away what is in the way. made says that there is a directory
// already, as the entry is.
func (x *extractor) room(parent *os.File, base string, h *tar.Header) (made bool, err error) {
	var st unix.Stat_t
	err = unix.Fstatat(int(parent.Fd()), base, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	isDir, wantDir := st.Mode&unix.S_IFMT == unix.S_IFDIR, h.Typeflag == tar.TypeDir
	switch {
	case isDir && wantDir:
		return true, nil
	case wantDir && st.Mode&unix.S_IFMT == unix.S_IFLNK:
		// A link to a directory, such as /bin, does for one.
		info, err := x.root.Stat(path.Join("/", x.dir, h.Name))
		if err == nil && info.IsDir() {
			return true, nil
		}
		if !x.opts.Overwrite {
			return false, ErrWouldOverwrite
		}
	case isDir != wantDir && !x.opts.Overwrite:
		return false, ErrWouldOverwrite
	case isDir:
		return false, removeAll(parent, base)
	case h.Typeflag == tar.TypeReg:
		return false, nil // until there is something to replace it by
	}
	return false, unix.Unlinkat(int(parent.Fd()), base, 0)
}

// removeAll removes a directory and what is in it, by descriptor.
func removeAll(parent *os.File, base string) error {
	fd, err := unix.Openat(int(parent.Fd()), base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	dir := os.NewFile(uintptr(fd), base)
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	for _, name := range names {
		if err := unix.Unlinkat(fd, name, 0); err == unix.EISDIR {
			if err := removeAll(dir, name); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	return unix.Unlinkat(int(parent.Fd()), base, unix.AT_REMOVEDIR)
}

// replace makes a regular file under another name, and renames it when it is
// whole: whoever looks, or is left with what a killed command did, sees the old one
// or the new one.
func (x *extractor) replace(at int, base string, h *tar.Header, content io.Reader) error {
	temporary := fmt.Sprintf(".tug-%016x", rand.Uint64())
	err := x.file(at, temporary, content)
	if err == nil {
		err = x.dress(at, temporary, h, false)
	}
	if err == nil {
		err = unix.Renameat(at, temporary, at, base)
	}
	if err != nil {
		_ = unix.Unlinkat(at, temporary, 0) // it may not be there at all
	}
	return err
}

func (x *extractor) file(at int, base string, content io.Reader) error {
	fd, err := unix.Openat(at, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), base)
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}

func (x *extractor) link(h *tar.Header, at int, base string) error {
	old, name, err := x.place(h.Linkname)
	if err != nil {
		return err
	}
	defer old.Close()
	if err := unix.Linkat(int(old.Fd()), name, at, base, 0); err != nil {
		return &fs.PathError{Op: "link", Path: path.Join("/", x.dir, h.Name), Err: err}
	}
	return nil
}

// dress gives an entry its owner, mode, attributes and time. A directory that
// was there keeps its own.
func (x *extractor) dress(at int, base string, h *tar.Header, made bool) error {
	if made {
		return nil
	}
	owner := x.owner(h)
	if err := unix.Fchownat(at, base, owner.UID, owner.GID, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if h.Typeflag != tar.TypeSymlink {
		fd, err := unix.Openat(at, base, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		handle := os.NewFile(uintptr(fd), base)
		defer handle.Close()
		if err := x.attributes(proc(handle), h.PAXRecords); err != nil {
			return err
		}
		if err := unix.Chmod(proc(handle), uint32(h.Mode&0o7777)); err != nil {
			return err
		}
	}
	if h.Typeflag == tar.TypeDir {
		return nil
	}
	return setTime(at, base, h.ModTime)
}

func setTime(at int, base string, t time.Time) error {
	ts := unix.NsecToTimespec(t.UnixNano())
	return unix.UtimesNanoAt(at, base, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
}

// times sets those of directories, the innermost first.
func (x *extractor) times() error {
	for i := len(x.dirs) - 1; i >= 0; i-- {
		parent, base, err := x.place(x.dirs[i].Name)
		if err != nil {
			return err
		}
		err = errors.Join(setTime(int(parent.Fd()), base, x.dirs[i].ModTime), parent.Close())
		if err != nil {
			return err
		}
	}
	return nil
}
