// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/idmap"
)

// shmDir is the /dev/shm of a container that shares it, in its run directory.
const shmDir = "shm"

const defaultShmSize = 64 << 20

// ShmPath is where MountShm mounts.
func (info *ContainerInfo) ShmPath() string { return filepath.Join(info.RunDir, shmDir) }

// MountShm mounts the /dev/shm of a container at a place where others find it.
// It goes with the container's run directory.
func (c *Container) MountShm(size int64) (string, error) {
	if size == 0 {
		size = defaultShmSize
	}
	target := filepath.Join(c.runDir, shmDir)
	if err := mkdir(target); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", containerError(classOf(err), c.ID(), err)
	}
	if err := unix.Mount("shm", target, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=1777,size="+strconv.FormatInt(size, 10)); err != nil {
		return "", containerError(classOf(err), c.ID(), &os.PathError{Op: "mount", Path: target, Err: err})
	}
	return target, nil
}

// unmountShm undoes it.
func (c *Container) unmountShm() error {
	target := filepath.Join(c.runDir, shmDir)
	if _, err := os.Lstat(target); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := unix.Unmount(target, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil && err != unix.EINVAL {
		return &os.PathError{Op: "unmount", Path: target, Err: err}
	}
	return os.Remove(target)
}

// BindFile mounts an open file, as it was opened, at a place that goes with the
// container: RunDir()/mounts/N. A namespace lives on there.
func (c *Container) BindFile(f *os.File) (string, error) {
	path, err := c.bind(f)
	if err != nil {
		return "", containerError(classOf(err), c.ID(), err)
	}
	return path, nil
}

// MountMapped mounts a file or directory of the host, without what is mounted below
// it, so that what is the host's id there is the same number in the container.
func (c *Container) MountMapped(source string) (string, error) {
	fail := func(err error) error {
		class := classOf(err)
		if errors.Is(err, idmap.ErrMount) {
			class = errclass.Unsupported
		}
		return errclass.New(class, source, fmt.Errorf("mount %s with idmap: %w", source, err))
	}
	// Of a path of the host's, every element is the host's.
	handle, err := os.OpenFile(source, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", fail(err)
	}
	defer handle.Close()
	if c.record.IDs.Identity() {
		path, err := c.bind(handle)
		if err != nil {
			return "", fail(err)
		}
		return path, nil
	}
	namespace, err := c.record.IDs.Namespace()
	if err != nil {
		return "", fail(err)
	}
	defer namespace.Close()
	tree, err := idmap.CloneHandle(handle, namespace)
	if err != nil {
		return "", fail(err)
	}
	defer tree.Close()
	target, err := c.place(handle)
	if err == nil {
		err = unix.MoveMount(int(tree.Fd()), "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH)
	}
	if err != nil {
		return "", fail(err)
	}
	return target, nil
}

// CopiesImage says why the image is copied for the container, the first time that
// one has its ids; "" where that is not so.
func (c *Container) CopiesImage() string {
	if c.record.Driver != "library" || c.record.IDs.Identity() || c.store.mapsIDs() {
		return ""
	}
	return "no mounts with other ids on " + c.store.root + ": the image is copied for this mapping, which takes a while the first time"
}
