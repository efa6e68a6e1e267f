// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage/rootfs"
	"golang.org/x/sys/unix"
)

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

func (c *Container) remove(ctx context.Context) error {
	if c.lock == nil || c.lock.fd < 0 {
		return nil
	}
	// A command that is interrupted cleans up nevertheless.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	err := c.retire()
	if err == nil {
		err = c.erase(ctx)
	}
	err = errors.Join(err, c.Close())
	if err != nil {
		return containerError(classOf(err), c.ID(), fmt.Errorf("remove: %w", err))
	}
	return nil
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

// erase deletes a container that Sweep would find: first what takes room,
// last what Sweep finds it by.
func (c *Container) erase(ctx context.Context) error {
	// One after the other: deleting while the lease is being synced to the
	// disk would wait for the journal again and again.
	err := errors.Join(c.eraseFiles(), c.releaseAll(ctx))
	if err == nil {
		err = rootfs.RemoveTree(c.runDir)
	}
	if err != nil {
		return err // the lock file stays, and with it the directory
	}
	for _, name := range []string{recordFile, recordFile + ".tmp", lockFile} {
		if c.record.Ephemeral && name != lockFile {
			continue
		}
		if err := removeFile(filepath.Join(c.dir, name)); err != nil {
			return err
		}
	}
	// Sweep may be quicker.
	if err := unix.Rmdir(c.dir); err == unix.ENOTEMPTY || err == unix.EEXIST {
		return rootfs.RemoveTree(c.dir)
	} else if err != nil && err != unix.ENOENT {
		return &os.PathError{Op: "remove", Path: c.dir, Err: err}
	}
	return nil
}

func (c *Container) eraseFiles() error {
	if err := c.unmountAll(); err != nil {
		return err
	}
	if c.fs == nil { // it got no further than its directory
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

// releaseAll gives up the name and the leases.
func (c *Container) releaseAll(ctx context.Context) error {
	var err error
	if c.lease != nil {
		c.held = <-c.lease
		c.lease = nil
	}
	if c.record.ImageID != "" && c.record.Driver == "overlay" {
		err = c.store.ReleaseLease(ctx, c.record.ImageID, c.ID())
	}
	for _, image := range c.record.ImageMounts {
		err = errors.Join(err, c.store.releaseImageMount(ctx, image, c.ID()))
	}
	return errors.Join(err, c.store.releaseName(c.record.Name, c.ID()))
}

// MountImage makes an image readable at a directory that goes with the
// container: RunDir()/mounts/N. The image cannot be removed until then.
func (c *Container) MountImage(ctx context.Context, imageID string) (string, error) {
	if err := c.Update(func(r *Record) {
		r.ImageMounts = append(r.ImageMounts[:len(r.ImageMounts):len(r.ImageMounts)], imageID)
	}); err != nil {
		return "", err
	}
	if err := c.store.AcquireLease(ctx, imageID, c.ID(), !c.record.Ephemeral); err != nil {
		return "", err
	}
	if c.store.rootfsDriver() == "library" {
		path, err := c.store.lib.MountImage(imageID, []string{"ro"}, "")
		if err != nil {
			return "", errclass.New(classOf(err), imageID, fmt.Errorf("mount image %s: %w", shortID(imageID), err))
		}
		return path, nil
	}
	layers, err := c.store.LayerDirs(ctx, imageID)
	if err != nil {
		return "", err
	}
	return c.mount(ctx, rootfs.OverlayOptions{Base: c.store.root, Lower: layers})
}

// MountOverlay lays an overlay over a directory of the host, whose changes go
// into the container's directory and with it: RunDir()/mounts/N.
func (c *Container) MountOverlay(ctx context.Context, lower string) (string, error) {
	dir := filepath.Join(c.dir, volumesDir, strconv.Itoa(c.mounts))
	return c.mount(ctx, rootfs.OverlayOptions{
		Lower: []string{lower}, Volatile: c.record.Ephemeral,
		Upper: filepath.Join(dir, upperDir), Work: filepath.Join(dir, workDir),
	})
}

func (c *Container) mount(ctx context.Context, opts rootfs.OverlayOptions) (string, error) {
	opts.Target = filepath.Join(c.runDir, mountsDir, strconv.Itoa(c.mounts))
	c.mounts++
	o := rootfs.NewOverlay(opts)
	if err := o.Make(); err != nil {
		return "", containerError(classOf(err), c.ID(), err)
	}
	path, err := o.Mount(ctx)
	if err != nil {
		return "", containerError(classOf(err), c.ID(), err)
	}
	return path, nil
}

// unmountAll undoes MountImage and MountOverlay.
func (c *Container) unmountAll() error {
	dir := filepath.Join(c.runDir, mountsDir)
	names, err := entries(dir)
	for _, name := range names {
		err = errors.Join(err, c.note(rootfs.Unmount(filepath.Join(dir, name))))
	}
	if err != nil || len(names) == 0 {
		return err
	}
	c.mounts = max(c.mounts, len(names))
	return rootfs.RemoveTree(dir)
}

func (s *Store) releaseImageMount(ctx context.Context, image, id string) error {
	if s.rootfsDriver() == "library" {
		if _, err := s.lib.UnmountImage(image, true); err != nil {
			return err
		}
	}
	return s.ReleaseLease(ctx, image, id)
}
