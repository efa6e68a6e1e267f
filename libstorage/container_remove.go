// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
	"github.com/tug-containers/tug/libstorage/rootfs"
	"golang.org/x/sys/unix"
)

// removalLimit is how long one waits for somebody else to remove a container.
const removalLimit = 10 * time.Second

// Remove unmounts and deletes everything of the container, gives up its name
// and its lease, and closes it. When it returns, all is done. A running
// container is refused, with ErrContainerRunning.
//
// A killed or failed removal leaves nothing that is listed any more; the next
// Sweep finishes it.
func (c *Container) Remove(ctx context.Context) error {
	if c.record.State() == Running {
		return containerError(errclass.Conflict, c.ID(), ErrContainerRunning)
	}
	return c.remove(ctx)
}

// RemoveContainer ends the process of a container by stop, and removes it; a
// damaged one too. Without stop a running one is refused. It waits for at most
// ten seconds for whoever ran it to clean up. Its anonymous volumes stay.
func (s *Store) RemoveContainer(ctx context.Context, id string, stop StopFunc) error {
	return s.removeContainer(ctx, id, stop, false)
}

// RemoveContainerAndVolumes does, and removes the anonymous volumes that no other
// container has.
func (s *Store) RemoveContainerAndVolumes(ctx context.Context, id string, stop StopFunc) error {
	return s.removeContainer(ctx, id, stop, true)
}

func (s *Store) removeContainer(ctx context.Context, id string, stop StopFunc, volumes bool) error {
	if err := s.writable(); err != nil {
		return err
	}
	info, err := s.readContainer(id)
	if err != nil {
		return err
	}
	if errors.Is(info.Err, ErrNewerFormat) {
		return info.Err
	}
	if stop != nil {
		if err := stop(ctx, info); err != nil {
			return err
		}
	} else if alive(info) {
		return containerError(errclass.Conflict, id, ErrContainerRunning)
	}
	wait, cancel := context.WithTimeout(ctx, removalLimit)
	defer cancel()
	path := filepath.Join(info.Dir, lockFile)
	l, err := waitLock(wait, path, tryLeavingLock)
	if errors.Is(err, errGone) || errors.Is(err, fs.ErrNotExist) {
		return nil // by whoever ran it
	} else if err != nil {
		return containerError(errclass.Conflict, id, fmt.Errorf("%w: %w", ErrContainerLocked, err))
	}
	// It may have moved, or changed, while we waited.
	info, err = s.readContainer(id)
	if errors.Is(err, ErrContainerUnknown) || err == nil && filepath.Join(info.Dir, lockFile) != path {
		return l.unlock()
	}
	if err == nil && alive(info) {
		err = containerError(errclass.Conflict, id, ErrContainerRunning)
	}
	if err != nil {
		return errors.Join(err, l.unlock())
	}
	c := s.container(info, l)
	c.volumes = volumes
	if info.Err != nil {
		if err := c.guess(ctx); err != nil {
			return errors.Join(containerError(classOf(err), id, err), l.unlock())
		}
	}
	return c.remove(ctx)
}

func (c *Container) remove(ctx context.Context) error {
	if c.lock == nil || c.lock.fd < 0 {
		return nil
	}
	_ = c.lease.wait(context.Background()) // it writes to the directory
	c.RefreshName()
	// A command that is interrupted cleans up nevertheless.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	err := c.lock.leave()
	if err == nil && !c.takesVolumes() && c.dir == c.store.persistentDir(c.ID()) {
		err = c.keepVolumes(ctx)
	}
	if err == nil {
		err = c.retire()
	}
	if err == nil {
		err = c.erase(ctx)
	}
	err = errors.Join(err, c.Close())
	if err != nil {
		return containerError(classOf(err), c.ID(), fmt.Errorf("remove: %w", err))
	}
	return nil
}

// takesVolumes tells whether its anonymous volumes go with the container.
func (c *Container) takesVolumes() bool {
	return c.volumes || c.record.Ephemeral || c.record.AutoRemove
}

// retire moves a persistent container to where Sweep looks. It is the one
// step that decides that the container is gone.
func (c *Container) retire() error {
	dir := c.store.ephemeralDir(c.ID())
	if c.dir == dir {
		return nil
	}
	err := os.Rename(c.dir, dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(dir), 0o700); err == nil {
			err = os.Rename(c.dir, dir)
		}
	}
	if err != nil {
		return err
	}
	c.dir, c.lock.path = dir, filepath.Join(dir, lockFile)
	c.fs = c.newRootfs()
	return nil
}

// erase deletes a container that Sweep would find, and last what Sweep finds
// it by.
func (c *Container) erase(ctx context.Context) error {
	// The lease goes before the files do: syncing its list to the disk after
	// files were deleted waits until the disk has freed their blocks, which
	// takes twice as long. Nothing is written by unmounting.
	released := make(chan error, 1)
	go func() { released <- c.releaseAll(ctx) }()
	err := c.unmount()
	if rerr := <-released; err == nil {
		if err = c.eraseFiles(); rerr != nil && err == nil {
			err = c.releaseAll(ctx) // now there is room
		}
	}
	if err == nil {
		err = c.dropVolumes(ctx)
	}
	if err == nil {
		err = rootfs.RemoveTree(c.runDir)
	}
	if err != nil {
		return err // the lock file stays, and with it the directory
	}
	// The record, the log, what the monitor wrote. Nothing must be there without the
	// lock file: a Sweep takes that for garbage of its own.
	rest, err := ondisk.Names(c.dir)
	if err != nil {
		return err
	}
	for _, name := range rest {
		if name == lockFile {
			continue
		}
		if err := rootfs.RemoveTree(filepath.Join(c.dir, name)); err != nil {
			return err
		}
	}
	if err := ondisk.Remove(c.lock.path); err != nil {
		return err
	}
	if err := c.dropNames(); err != nil {
		return err
	}
	// Sweep may be quicker.
	if err := unix.Rmdir(c.dir); err == unix.ENOTEMPTY || err == unix.EEXIST {
		return rootfs.RemoveTree(c.dir)
	} else if err != nil && err != unix.ENOENT {
		return &os.PathError{Op: "remove", Path: c.dir, Err: err}
	}
	return nil
}

// unmount undoes all mounts of the container.
func (c *Container) unmount() error {
	if err := c.unmountBeside(); err != nil {
		return err
	}
	if c.fs == nil { // it got no further than its directory
		return nil
	}
	return c.note(c.fs.Unmount())
}

// unmountBeside undoes all but the root file system.
func (c *Container) unmountBeside() error {
	if err := c.unmountAll(); err != nil {
		return err
	}
	return c.leaveVolumes(context.Background())
}

func (c *Container) eraseFiles() error {
	if c.fs == nil {
		return nil
	}
	if err := c.note(c.fs.Remove()); err != nil {
		return err
	}
	if c.record.Driver == "overlay" && c.mounts == 0 {
		return nil
	}
	return rootfs.RemoveTree(filepath.Join(c.dir, volumesDir))
}

// releaseAll gives up the names and the leases.
func (c *Container) releaseAll(ctx context.Context) error {
	var err error
	if c.record.ImageID != "" && c.record.Driver == "overlay" {
		err = c.store.ReleaseLease(ctx, c.record.ImageID, c.dir)
	}
	for _, image := range c.record.ImageMounts {
		err = errors.Join(err, c.store.releaseImageMount(ctx, image, c.dir))
	}
	return errors.Join(err, c.settleNames(), c.store.releaseName(c.record.Name, c.ID()))
}
