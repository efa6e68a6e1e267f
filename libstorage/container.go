// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
	"github.com/tug-containers/tug/libstorage/rootfs"
)

// Container is a container that this process holds the lock of: from
// CreateContainer or OpenContainer until Close or Remove. No other process
// changes or removes it meanwhile, and all may look at it. It is for one
// goroutine at a time.
//
// When the process is killed, the lock goes with it. What an ephemeral
// container leaves then is removed by Sweep as soon as the container's own
// process is gone too; a persistent one stays until it is removed.
type Container struct {
	store  *Store
	record Record
	lock   *heldLock
	dir    string
	runDir string
	fs     rootfs.FS
	lease  *pendingLease
	mounts int
	notes  []error
	// volumes: its anonymous volumes go with it.
	volumes bool
}

// StopFunc ends the process of a container, if it still has one, and removes
// what the OCI runtime keeps about it. It is called with the container's lock
// free or held by the caller, and must return only when that is done. It is
// called for containers, too, that have neither.
type StopFunc func(ctx context.Context, c ContainerInfo) error

// ID is 64 hexadecimal digits.
func (c *Container) ID() string { return c.record.ID }

// Name is what the user called it, or what CreateContainer made up.
func (c *Container) Name() string { return c.record.Name }

// Dir is the container's directory on the graph root's disk.
func (c *Container) Dir() string { return c.dir }

// RunDir is the container's directory in the run root: the bundle, with
// config.json and what is mounted. It is gone after a restart of the host.
func (c *Container) RunDir() string { return c.runDir }

// Record is a copy of what is known of the container. Change it by Update.
func (c *Container) Record() Record { return c.record }

// Rootfs is its root file system. Mounting it also begins to take the lease
// that keeps the image from being removed; see Ready.
func (c *Container) Rootfs() rootfs.FS { return leasedFS{c.fs, c} }

// Notes are what went otherwise than it should, without being a failure: a
// file system that was busy when it was unmounted.
func (c *Container) Notes() []error { return c.notes }

// Update changes the record and writes it. That of a persistent container
// survives a power cut when Update has returned. When it fails, the record is
// as it was.
func (c *Container) Update(change func(*Record)) error {
	r := c.record
	change(&r)
	// These say where things are.
	r.Format, r.ID, r.Name, r.Ephemeral, r.RunDir = recordFormat, c.record.ID, c.record.Name, c.record.Ephemeral, c.runDir
	if err := c.write(&r, !r.Ephemeral); err != nil {
		return err
	}
	c.record = r
	return nil
}

func (c *Container) write(r *Record, durable bool) error {
	data, err := json.Marshal(r)
	if err == nil {
		err = ondisk.Replace(c.recordPath(), data, 0o600, durable)
	}
	if err != nil {
		return containerError(classOf(err), r.ID, fmt.Errorf("write record: %w", err))
	}
	return nil
}

func (c *Container) recordPath() string {
	if c.record.Ephemeral {
		return filepath.Join(c.runDir, recordFile)
	}
	return filepath.Join(c.dir, recordFile)
}

// Cleanup is for a container whose process has ended, and that stays: it
// unmounts everything and removes the run directory. What HoldRootfs keeps
// mounted stays so.
func (c *Container) Cleanup() error {
	var err error
	if held := c.held(); held {
		if err = c.unmountBeside(); err == nil {
			err = c.clearRunDir()
		}
	} else if err = c.unmount(); err == nil && !c.record.Ephemeral {
		err = rootfs.RemoveTree(c.runDir)
	}
	if err != nil {
		return containerError(classOf(err), c.ID(), err)
	}
	return nil
}

// note keeps what is only worth mentioning, and returns what is an error.
func (c *Container) note(err error) error {
	if busy, ok := rootfs.Busy(err); ok {
		c.notes = append(c.notes, busy)
		return nil
	}
	return err
}

// Close gives the container up: the lock is free, and everything stays as it
// is. Closing twice, or after Remove, is no error.
func (c *Container) Close() error {
	_ = c.lease.wait(context.Background())
	return c.lock.unlock()
}

// OpenContainer takes the lock of a container, by its full ID. It is
// ErrContainerLocked when another process has it.
func (s *Store) OpenContainer(ctx context.Context, id string) (*Container, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	info, err := s.readContainer(id)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(info.Dir, lockFile)
	l, err := tryLock(path)
	switch {
	case errors.Is(err, errLocked):
		return nil, containerError(errclass.Conflict, id, fmt.Errorf("%w%s", ErrContainerLocked, holders(path)))
	case errors.Is(err, errGone):
		return nil, unknownContainer(id)
	case err != nil:
		return nil, containerError(classOf(err), id, err)
	}
	// What was read before the lock may be old, and from another place.
	if info, err = s.readContainer(id); err == nil && filepath.Join(info.Dir, lockFile) != path {
		err = unknownContainer(id)
	}
	if err == nil {
		err = info.Err
	}
	if err != nil {
		return nil, errors.Join(err, l.unlock())
	}
	c := s.container(info, l)
	if err := c.settleNames(); err != nil {
		return nil, errors.Join(containerError(classOf(err), id, err), l.unlock())
	}
	return c, nil
}

// container makes a Container of what was found on disk.
func (s *Store) container(info ContainerInfo, l *heldLock) *Container {
	c := &Container{store: s, record: info.Record, lock: l, dir: info.Dir, runDir: info.RunDir}
	c.fs = c.newRootfs()
	return c
}
