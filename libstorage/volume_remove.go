// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage/rootfs"
	"golang.org/x/sys/unix"
)

// RemoveVolume removes a volume and its content; a damaged one too. One that a
// container has, running or not, is a VolumeInUseError.
func (s *Store) RemoveVolume(ctx context.Context, name string) error {
	if err := s.writable(); err != nil {
		return err
	}
	v, err := s.lockVolume(ctx, name)
	if err != nil {
		return err
	}
	users, err := s.VolumeUsers(name)
	if err == nil && len(users) > 0 {
		err = errclass.New(errclass.Conflict, name, &VolumeInUseError{Volume: name, Users: users})
	}
	if err != nil {
		return errors.Join(err, v.unlock())
	}
	return v.remove()
}

// remove removes a volume that nobody has, and gives up its lock.
func (v *heldVolume) remove() error {
	err := v.unmount()
	gone := v.store.volumeDir(gonePrefix + newID())
	if err == nil {
		err = os.Rename(v.dir, gone)
	}
	if err == nil {
		if err = rootfs.RemoveTree(gone); err == nil {
			err = syncDir(v.store.volumeDir(""))
		}
	}
	if err = errors.Join(err, v.unlock()); err != nil {
		return volumeError(v.Name, fmt.Errorf("remove: %w", err))
	}
	return nil
}

// unmount unmounts the file system that the driver mounted, if there is one.
func (v *heldVolume) unmount() error {
	err := unix.Unmount(v.path(dataDir), unix.UMOUNT_NOFOLLOW)
	if err == nil || err == unix.EINVAL || err == unix.ENOENT {
		return nil
	}
	return &os.PathError{Op: "unmount", Path: v.path(dataDir), Err: err}
}
