// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
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
		if err = removeGone(gone); err == nil {
			err = ondisk.SyncDir(v.store.volumeDir(""))
		}
	}
	if err = errors.Join(err, v.unlock()); err != nil {
		return volumeError(v.Name, fmt.Errorf("remove: %w", err))
	}
	v.store.noteVolume("remove", &v.Volume)
	return nil
}

// removeGone removes a directory that nobody needs. Another one that does so may
// find it when its lock file is gone, and make a new one.
func removeGone(dir string) (err error) {
	for range 10 {
		if err = rootfs.RemoveTree(dir); !errors.Is(err, unix.ENOTEMPTY) {
			break
		}
	}
	return err
}

// PruneVolumes removes the volumes that no container has and that choose wants,
// or all of those without it. It gives the names of what it removed. A damaged
// volume is left alone: nobody can tell whether choose would want it.
func (s *Store) PruneVolumes(ctx context.Context, choose func(Volume) bool) (removed []string, err error) {
	unused, err := s.UnusedVolumes(ctx)
	if err != nil {
		return nil, err
	}
	for _, v := range unused {
		if choose != nil && !choose(v) {
			continue
		}
		rerr := s.RemoveVolume(ctx, v.Name)
		if errors.Is(rerr, ErrVolumeInUse) || errors.Is(rerr, ErrVolumeUnknown) {
			continue // somebody was quicker
		}
		if err = errors.Join(err, rerr); rerr == nil {
			s.noteVolume("prune", &v)
			removed = append(removed, v.Name)
		}
	}
	return removed, err
}

// UnusedVolumes are the volumes that no container has.
func (s *Store) UnusedVolumes(ctx context.Context) ([]Volume, error) {
	all, err := s.Volumes(ctx)
	if err != nil {
		return nil, err
	}
	unused := all[:0]
	for _, v := range all {
		users, err := s.VolumeUsers(v.Name)
		if err != nil {
			return nil, err
		}
		if len(users) == 0 && v.Err == nil {
			unused = append(unused, v)
		}
	}
	return unused, nil
}

// unmount unmounts the file system that the driver mounted, if there is one.
func (v *heldVolume) unmount() error {
	err := unix.Unmount(v.path(dataDir), unix.UMOUNT_NOFOLLOW)
	if err == nil || err == unix.EINVAL || err == unix.ENOENT {
		return nil
	}
	return &os.PathError{Op: "unmount", Path: v.path(dataDir), Err: err}
}
