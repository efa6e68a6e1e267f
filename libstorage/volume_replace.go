// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
	"github.com/tug-containers/tug/libstorage/copyup"
	"github.com/tug-containers/tug/libstorage/rootfs"
	"golang.org/x/sys/unix"
)

// ReplaceVolume changes what is in a volume: all of it or, when change fails or the
// process is killed, nothing. change gets the path of a directory that has all that
// the volume has. Its files are the volume's own, under a second name: they may be
// removed and replaced, and must not be written to. No container copies anything into
// the volume from then on, and it keeps its owner.
//
// A volume that a container runs with is a VolumeInUseError, since that would not see
// the change. One that is started meanwhile waits.
func (s *Store) ReplaceVolume(ctx context.Context, name string, change func(dir string) error) (err error) {
	if err := s.writable(); err != nil {
		return err
	}
	v, err := s.lockVolume(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.unlock()) }()
	switch {
	case v.Err != nil:
		return v.Err
	case v.HasFilesystem():
		return errclass.New(errclass.Unsupported, name, fmt.Errorf(
			"volume %s: it has a file system of its own, which is there only while a container runs with it", name))
	}
	staged := v.path(stageDir)
	if err = rootfs.RemoveTree(staged); err == nil {
		err = mkdir(staged)
	}
	if err != nil {
		return volumeError(name, err)
	}
	if err = v.idle(); err == nil {
		err = v.replace(ctx, staged, change)
	}
	// What was made, or what that has replaced.
	return errors.Join(err, rootfs.RemoveTree(staged))
}

// idle tells who runs with the volume.
func (v *heldVolume) idle() error {
	users, err := v.store.VolumeUsers(v.Name)
	if err != nil {
		return err
	}
	running := users[:0]
	for _, u := range users {
		if v.store.busy(u.ID) {
			running = append(running, u)
		}
	}
	if len(running) > 0 {
		return errclass.New(errclass.Conflict, v.Name, &VolumeInUseError{Volume: v.Name, Users: running})
	}
	return nil
}

func (v *heldVolume) replace(ctx context.Context, staged string, change func(dir string) error) error {
	to, err := os.Open(staged)
	if err != nil {
		return volumeError(v.Name, err)
	}
	defer to.Close()
	from, err := os.Open(v.Path)
	if err == nil {
		err = errors.Join(copyup.Link(ctx, from, to), from.Close())
	}
	if err != nil {
		return volumeError(v.Name, err)
	}
	if err := change(staged); err != nil {
		return volumeError(v.Name, err)
	}
	if err := unix.Syncfs(int(to.Fd())); err != nil {
		return volumeError(v.Name, &os.PathError{Op: "sync", Path: staged, Err: err})
	}
	err = unix.Renameat2(unix.AT_FDCWD, staged, unix.AT_FDCWD, v.Path, unix.RENAME_EXCHANGE)
	if err == unix.EINVAL {
		return errclass.New(errclass.Unsupported, v.Name, fmt.Errorf(
			"volume %s: its file system cannot exchange two directories: nothing was changed", v.Name))
	}
	if err == nil {
		err = ondisk.SyncDir(v.dir)
	}
	if err != nil {
		return volumeError(v.Name, fmt.Errorf("exchange the content: %w", err))
	}
	if !v.NeedsCopyUp && !v.NeedsChown {
		return nil
	}
	return v.change(func(v *Volume) { v.NeedsCopyUp, v.NeedsChown = false, false })
}

// beingReplaced tells whether somebody may be about to change what is in a volume.
func (s *Store) beingReplaced(name string) bool {
	return exists(s.volumeDir(name) + "/" + stageDir)
}
