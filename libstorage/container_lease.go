// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"

	"github.com/tug-containers/tug/libstorage/rootfs"
)

// Ready takes the lease that keeps the image from being removed, or waits for
// it when mounting the root file system has begun to take it. Call it before
// starting a process: ErrImageUnknown says that the image went in the meantime.
func (c *Container) Ready(ctx context.Context) error {
	c.takeLease(ctx)
	return c.lease.wait(ctx)
}

// takeLease begins to take the lease. It comes after the mount: both write to
// the same disk, and what is written while a file is being synced waits for
// the sync. Between the mount and the start of a process there is other work.
func (c *Container) takeLease(ctx context.Context) {
	if c.lease != nil || c.record.ImageID == "" || c.record.Driver != "overlay" {
		return
	}
	lease := &pendingLease{done: make(chan struct{})}
	c.lease = lease
	go func(image, dir string, durable bool) {
		defer close(lease.done)
		lease.err = c.store.AcquireLease(ctx, image, dir, durable)
	}(c.record.ImageID, c.dir, !c.record.Ephemeral)
}

// pendingLease is a lease that is being taken.
type pendingLease struct {
	done chan struct{}
	err  error
}

func (l *pendingLease) wait(ctx context.Context) error {
	if l == nil {
		return nil
	}
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// leasedFS takes the lease of its container when it has been mounted.
type leasedFS struct {
	rootfs.FS
	c *Container
}

func (l leasedFS) Mount(ctx context.Context) (string, error) {
	path, err := l.FS.Mount(ctx)
	if err == nil {
		l.c.takeLease(ctx)
	}
	return path, err
}
