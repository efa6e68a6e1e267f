// SPDX-License-Identifier: Apache-2.0

package rootdir

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	pathrs "github.com/cyphar/filepath-securejoin/pathrs-lite"
	"golang.org/x/sys/unix"
)

// Dir is an open root file system.
type Dir struct {
	f *os.File
}

// Open opens a directory of the host as a root. The path itself is trusted: it
// is one that we made.
func Open(path string) (*Dir, error) {
	f, err := os.OpenFile(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return &Dir{f: f}, nil
}

// Close gives the descriptor back.
func (d *Dir) Close() error { return d.f.Close() }

// Path is the path that the root was opened by.
func (d *Dir) Path() string { return d.f.Name() }

// Info describes a file in the root.
type Info struct {
	Mode fs.FileMode
	Size int64
	UID  uint32
	GID  uint32
}

// IsDir reports a directory.
func (i Info) IsDir() bool { return i.Mode.IsDir() }

// IsRegular reports a regular file.
func (i Info) IsRegular() bool { return i.Mode.IsRegular() }

// Executable reports whether anybody may execute the file.
func (i Info) Executable() bool { return i.Mode&0o111 != 0 }

// Stat describes what name leads to.
func (d *Dir) Stat(name string) (Info, error) {
	handle, err := d.lookup("stat", name)
	if err != nil {
		return Info{}, err
	}
	defer handle.Close()
	return statHandle(name, handle)
}

// Lstat describes name itself: a symbolic link at its end is not followed.
func (d *Dir) Lstat(name string) (Info, error) {
	parent, base, err := d.parent("lstat", name)
	if err != nil {
		return Info{}, err
	}
	defer parent.Close()
	var st unix.Stat_t
	if err := unix.Fstatat(int(parent.Fd()), base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return Info{}, &fs.PathError{Op: "lstat", Path: name, Err: err}
	}
	return infoOf(&st), nil
}

// Readlink gives the text of the symbolic link name.
func (d *Dir) Readlink(name string) (string, error) {
	parent, base, err := d.parent("readlink", name)
	if err != nil {
		return "", err
	}
	defer parent.Close()
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(parent.Fd()), base, buf)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return string(buf[:n]), nil
}

// Open opens a regular file for reading. Anything else is ErrNotRegular and is
// not opened: opening a FIFO wakes its writer, opening a device may act.
func (d *Dir) Open(name string) (*os.File, error) {
	handle, err := d.lookup("open", name)
	if err != nil {
		return nil, err
	}
	defer handle.Close()
	info, err := statHandle(name, handle)
	if err != nil {
		return nil, err
	}
	if !info.IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	}
	f, err := pathrs.Reopen(handle, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return f, nil
}

// OpenDir opens a directory for reading. Anything else is ErrNotDirectory.
func (d *Dir) OpenDir(name string) (*os.File, error) {
	handle, err := d.lookup("open", name)
	if err != nil {
		return nil, err
	}
	defer handle.Close()
	info, err := statHandle(name, handle)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrNotDirectory}
	}
	f, err := pathrs.Reopen(handle, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return f, nil
}

// OpenPath gives a descriptor that stands for what name leads to, and reads
// nothing of it (O_PATH).
func (d *Dir) OpenPath(name string) (*os.File, error) { return d.lookup("open", name) }

// ReadFile reads a regular file of at most limit bytes.
func (d *Dir) ReadFile(name string, limit int64) ([]byte, error) {
	f, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil {
		return nil, pathError("read", name, err)
	} else if st.Size() > limit {
		return nil, tooLarge(name, limit)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, pathError("read", name, err)
	}
	if int64(len(data)) > limit {
		return nil, tooLarge(name, limit)
	}
	return data, nil
}

func tooLarge(name string, limit int64) error {
	return &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)}
}

// lookup resolves name inside the root and gives an O_PATH descriptor. It is
// one system call where the kernel has it and no rename on the way disturbs it;
// else pathrs does what is needed.
func (d *Dir) lookup(op, name string) (*os.File, error) {
	if strings.IndexByte(name, 0) >= 0 {
		return nil, &fs.PathError{Op: op, Path: name, Err: unix.EINVAL}
	}
	fd, err := unix.Openat2(int(d.f.Fd()), inside(name), &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	switch err {
	case nil:
		return os.NewFile(uintptr(fd), name), nil
	case unix.ENOSYS, unix.EPERM, unix.EAGAIN, unix.EINTR, unix.EXDEV:
	default:
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	handle, err := pathrs.OpenatInRoot(d.f, inside(name))
	if err != nil {
		return nil, pathError(op, name, err)
	}
	return handle, nil
}

// parent resolves the directory of name, and gives its last element too. The
// root is its own parent, under the name ".".
func (d *Dir) parent(op, name string) (*os.File, string, error) {
	dir, base := path.Split(path.Clean("/" + name))
	if base == "" {
		base = "."
	}
	handle, err := d.lookup(op, dir)
	if err != nil {
		return nil, "", pathError(op, name, err)
	}
	return handle, base, nil
}

// inside makes a name relative to the root. It is not cleaned: ".." after a
// symbolic link means the link's target, and the kernel keeps it in the root.
func inside(name string) string {
	if name = strings.TrimLeft(name, "/"); name == "" {
		return "."
	}
	return name
}

func statHandle(name string, handle *os.File) (Info, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(handle.Fd()), &st); err != nil {
		return Info{}, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return infoOf(&st), nil
}

func infoOf(st *unix.Stat_t) Info {
	mode := fs.FileMode(st.Mode & 0o777)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		mode |= fs.ModeDir
	case unix.S_IFLNK:
		mode |= fs.ModeSymlink
	case unix.S_IFIFO:
		mode |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		mode |= fs.ModeSocket
	case unix.S_IFCHR:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	case unix.S_IFBLK:
		mode |= fs.ModeDevice
	}
	return Info{Mode: mode, Size: st.Size, UID: st.Uid, GID: st.Gid}
}

// pathError names the path inside the root, whatever the error said: a path of
// the host is of no use to the reader.
func pathError(op, name string, err error) error {
	for {
		inner, ok := err.(interface{ Unwrap() error })
		if !ok || inner.Unwrap() == nil {
			return &fs.PathError{Op: op, Path: name, Err: err}
		}
		err = inner.Unwrap()
	}
}
