// SPDX-License-Identifier: Apache-2.0

package unpack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/vbatts/tar-split/archive/tar"
	"golang.org/x/sys/unix"
)

const (
	whiteoutPrefix = ".wh."
	whiteoutOpaque = ".wh..wh..opq"
	xattrPrefix    = "SCHILY.xattr."
	selinuxXattr   = "security.selinux" // a label of where the layer was made
	implicitMode   = 0o777              // of a directory that has no entry, less the umask
)

// tree makes the files of a layer beneath its root, as the storage library
// does: a name leads wherever it leads in a process whose root this is, the
// last element of a name is never followed, and what the layer takes away from
// those below becomes what the overlay file system knows for that.
type tree struct {
	root int
	opts Options
	// The directory of the last entry, for the next one: layers are sorted.
	parent   *os.File
	name     string
	dirs     []*tar.Header // their times are set at the end
	rootMode *uint32       // the mode of the root, where it has an entry
}

// ErrOpenat2: the kernel cannot resolve a name beneath a directory.
var ErrOpenat2 = errors.New("the kernel has no openat2")

func (t *tree) open(name string, flags uint64) (*os.File, error) {
	how := &unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	for {
		fd, err := unix.Openat2(t.root, name, how)
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), name), nil
		case unix.EINTR, unix.EAGAIN: // someone renamed something on this disk meanwhile
			continue
		case unix.ENOSYS:
			err = ErrOpenat2
		}
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
}

// openDir opens a directory. "no/../dir" is "dir" also where there is no "no", as
// links may say it.
func (t *tree) openDir(name string, flags uint64) (*os.File, error) {
	dir, err := t.open(name, flags|unix.O_DIRECTORY)
	if !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	resolved, resolveErr := t.resolve(name)
	if resolveErr != nil || resolved == path.Clean(name) {
		return nil, err
	}
	return t.open(resolved, flags|unix.O_DIRECTORY)
}

// split gives the directory and the last element of a name. It is "." for the
// root, and never "..".
func split(name string) (dir, base string) {
	dir, base = path.Split(path.Clean("/" + name))
	if base == "" {
		base = "."
	}
	return dir, base
}

// place opens the directory of an entry, which is made where it lacks.
func (t *tree) place(dir string) (*os.File, error) {
	if t.parent != nil && t.name == dir {
		return t.parent, nil
	}
	t.forget()
	parent, err := t.openDir(dir, unix.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		if err = t.mkdirAll(dir); err == nil {
			parent, err = t.openDir(dir, unix.O_RDONLY)
		}
	}
	if err != nil {
		return nil, err
	}
	t.parent, t.name = parent, dir
	return parent, nil
}

// forget is called when a name may have come to lead elsewhere.
func (t *tree) forget() {
	if t.parent != nil {
		_ = t.parent.Close()
		t.parent = nil
	}
}

// begin makes what a header says. A file is given to the caller, who writes it,
// and then calls dressFile; everything else is finished.
func (t *tree) begin(h *tar.Header) (*os.File, error) {
	file, err := t.make(h)
	if err != nil {
		return nil, &fs.PathError{Op: "unpack", Path: path.Clean("/" + h.Name), Err: bare(err)}
	}
	return file, nil
}

// bare leaves out which file: the entry is named already.
func bare(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

func (t *tree) make(h *tar.Header) (*os.File, error) {
	dir, base := split(h.Name)
	if base == "." && h.Typeflag != tar.TypeDir {
		return nil, errors.New("the root of a layer is no directory")
	}
	parent, err := t.place(dir)
	gone, white := strings.CutPrefix(base, whiteoutPrefix)
	if errors.Is(err, unix.ENOTDIR) && white && base != whiteoutOpaque {
		// Some tools take /foo away and then /foo/bar.
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	at := int(parent.Fd())
	there, err := t.clear(parent, base, h.Typeflag == tar.TypeDir)
	if err != nil {
		return nil, err
	}
	switch {
	case base == whiteoutOpaque:
		return nil, unix.Fsetxattr(at, t.opts.Opaque, []byte("y"), 0)
	case white:
		return nil, t.whiteout(at, gone, h)
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if !there {
			if err := unix.Mkdirat(at, base, uint32(h.Mode&0o777)); err != nil {
				return nil, err
			}
		}
		return nil, t.directory(at, base, h)
	case tar.TypeReg:
		fd, err := unix.Openat(at, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return nil, err
		}
		return os.NewFile(uintptr(fd), h.Name), nil
	case tar.TypeSymlink:
		err = unix.Symlinkat(h.Linkname, at, base)
	case tar.TypeLink:
		err = t.link(h.Linkname, at, base)
	case tar.TypeBlock, tar.TypeChar:
		if t.opts.InUserNS {
			return nil, nil // nobody can make one here
		}
		err = t.node(at, base, h)
	case tar.TypeFifo:
		err = t.node(at, base, h)
	case tar.TypeXGlobalHeader:
		return nil, nil
	default:
		return nil, fmt.Errorf("an entry of the unknown type %q", h.Typeflag)
	}
	if err != nil {
		return nil, err
	}
	return nil, t.dressAt(at, base, h)
}

// clear takes away what is in the way, which is everything but a directory
// where one is to be. there says that it is.
func (t *tree) clear(parent *os.File, base string, wantDir bool) (there bool, err error) {
	if base == "." {
		return true, nil
	}
	var st unix.Stat_t
	err = unix.Fstatat(int(parent.Fd()), base, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT {
		return false, nil
	}
	isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR
	if err != nil || isDir && wantDir {
		return isDir, err
	}
	if isDir {
		return false, t.removeAll(parent, base)
	}
	return false, t.unlinked(unix.Unlinkat(int(parent.Fd()), base, 0))
}

// unlinked is said of what was taken away: the cached directory may have been
// reached through it.
func (t *tree) unlinked(err error) error {
	t.name = ""
	return err
}

// removeAll removes a directory and what is in it, by descriptor.
func (t *tree) removeAll(parent *os.File, base string) error {
	t.name = ""
	fd, err := unix.Openat(int(parent.Fd()), base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	dir := os.NewFile(uintptr(fd), base)
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := unix.Unlinkat(fd, name, 0); err == unix.EISDIR {
			err = t.removeAll(dir, name)
			if err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
	}
	return unix.Unlinkat(int(parent.Fd()), base, unix.AT_REMOVEDIR)
}

// whiteout hides a name of the layers below.
func (t *tree) whiteout(at int, name string, h *tar.Header) error {
	if name == "" || name == "." || name == ".." {
		return errors.New("invalid whiteout")
	}
	if err := unix.Mknodat(at, name, unix.S_IFCHR, 0); err != nil {
		return err
	}
	return t.own(at, name, h)
}

func (t *tree) link(to string, at int, base string) error {
	dir, last := split(to)
	old, err := t.openDir(dir, unix.O_PATH)
	if err != nil {
		return err
	}
	defer old.Close()
	return unix.Linkat(int(old.Fd()), last, at, base, 0)
}

func (t *tree) node(at int, base string, h *tar.Header) error {
	kind := map[byte]uint32{tar.TypeBlock: unix.S_IFBLK, tar.TypeChar: unix.S_IFCHR, tar.TypeFifo: unix.S_IFIFO}[h.Typeflag]
	device := uint32(((h.Devminor & 0xfff00) << 12) | ((h.Devmajor & 0xfff) << 8) | (h.Devminor & 0xff))
	return unix.Mknodat(at, base, kind|uint32(h.Mode&0o7777), int(device))
}
