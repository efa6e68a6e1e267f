// SPDX-License-Identifier: Apache-2.0

package idmap

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrMount says that the kernel cannot map what is mounted there: it is too old
// (before 5.12, for overlays 5.19), or the file system does not have it.
var ErrMount = errors.New("mounts with other ids are not possible here")

// Clone gives a mount of what is at path, and of nothing mounted below it, that
// shows the numbers of a namespace's mapping. Nobody sees it until it is moved
// somewhere; it goes with its descriptor.
func Clone(path string, namespace *os.File) (*os.File, error) {
	return clone(unix.AT_FDCWD, path, 0, namespace)
}

// CloneHandle does the same for an open file or directory.
func CloneHandle(handle *os.File, namespace *os.File) (*os.File, error) {
	return clone(int(handle.Fd()), "", unix.AT_EMPTY_PATH, namespace)
}

func clone(at int, path string, flags uint, namespace *os.File) (*os.File, error) {
	fd, err := unix.OpenTree(at, path, flags|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open_tree %s: %w", path, because(err))
	}
	f := os.NewFile(uintptr(fd), path)
	attr := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(namespace.Fd()), Propagation: unix.MS_PRIVATE}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, attr); err != nil {
		return nil, errors.Join(fmt.Errorf("map ids of %s: %w", path, because(err)), f.Close())
	}
	return f, nil
}

func because(err error) error {
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w: %w", ErrMount, err)
	}
	return err
}
