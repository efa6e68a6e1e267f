// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tug-containers/tug/internal/errclass"
	"golang.org/x/sys/unix"
)

// ContainerSize gives the bytes of the files that a container has made or
// changed, and those of its whole root file system: with its image. A --rootfs
// directory is not looked through: it is the user's, and may be the host's /.
//
// It takes no lock. Of a container that runs, it is what was found on the way.
func (s *Store) ContainerSize(ctx context.Context, info *ContainerInfo) (changed, whole int64, err error) {
	r := &info.Record
	if changed, err = s.ContainerChanges(ctx, info); err != nil {
		return 0, 0, err
	}
	if r.ImageID == "" {
		return changed, changed, nil
	}
	image, err := s.Size(ctx, r.ImageID)
	if err != nil {
		return 0, 0, containerError(classOf(err), r.ID, fmt.Errorf("size: %w", err))
	}
	return changed, changed + image, nil
}

// ContainerChanges gives the first of the two, without a look at the image.
func (s *Store) ContainerChanges(ctx context.Context, info *ContainerInfo) (changed int64, err error) {
	switch r := &info.Record; r.Driver {
	case "directory":
	case "library":
		changed, err = s.lib.ContainerSize(r.ID)
	default:
		changed, err = treeSize(ctx, filepath.Join(info.Dir, upperDir))
	}
	if err != nil {
		return 0, containerError(classOf(err), info.Record.ID, fmt.Errorf("size: %w", err))
	}
	return changed, nil
}

// treeDepth is how many directories may lie in each other: one is held open
// for each.
const treeDepth = 500

// treeSize adds up the regular files below a directory, each once. What a
// container does to the tree meanwhile leads nowhere else: it goes by
// descriptors. A missing directory is empty.
func treeSize(ctx context.Context, path string) (int64, error) {
	fd, err := openDir(unix.AT_FDCWD, path)
	if err == unix.ENOENT {
		return 0, nil
	} else if err != nil {
		return 0, &os.PathError{Op: "open", Path: path, Err: err}
	}
	t := tree{ctx: ctx, seen: map[[2]uint64]bool{}}
	err = t.add(os.NewFile(uintptr(fd), path), 0)
	return t.size, err
}

func openDir(at int, name string) (int, error) {
	return unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

type tree struct {
	ctx  context.Context
	size int64
	seen map[[2]uint64]bool // files with more than one name
}

func (t *tree) add(dir *os.File, depth int) error {
	defer dir.Close()
	if depth > treeDepth {
		return errclass.New(errclass.Unsupported, dir.Name(), errors.New("directories are nested too deeply"))
	}
	for {
		names, err := dir.Readdirnames(256)
		for _, name := range names {
			if err := t.entry(dir, name, depth); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return context.Cause(t.ctx)
		} else if err != nil {
			return err
		}
	}
}

func (t *tree) entry(dir *os.File, name string, depth int) error {
	if err := context.Cause(t.ctx); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return gone(name, err)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		fd, err := openDir(int(dir.Fd()), name)
		if err != nil {
			return gone(name, err)
		}
		return t.add(os.NewFile(uintptr(fd), name), depth+1)
	case unix.S_IFREG:
		if st.Nlink > 1 {
			inode := [2]uint64{st.Dev, st.Ino}
			if t.seen[inode] {
				return nil
			}
			t.seen[inode] = true
		}
		t.size += st.Size
	}
	return nil
}

// gone lets what was removed or replaced meanwhile be.
func gone(name string, err error) error {
	if err == unix.ENOENT || err == unix.ENOTDIR || err == unix.ELOOP {
		return nil
	}
	return &os.PathError{Op: "stat", Path: name, Err: err}
}
