// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/life"
	"github.com/tug-containers/tug/libexec/monitor"
	"github.com/tug-containers/tug/libstorage"
)

// Restart stops a container, if it runs, and starts it. One that was to be removed
// at its end stays: who keeps it starts it again, in the place of removing it.
func Restart(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo, stop StopOptions, start StartOptions) error {
	id := c.Record.ID
	if config, err := ReadConfig(c); err == nil {
		managed, err := config.Service.has(ctx, c.Record.Pid)
		if managed {
			_, err = config.Service.systemctl(ctx, "restart", "--", config.Service.Unit)
		}
		if managed || err != nil {
			return err
		}
	}
	goes := c.Record.Ephemeral || c.Record.AutoRemove
	var err error
	switch {
	case c.Record.AutoRemove && c.Record.State() == libstorage.Created:
		_, err = Start(ctx, store, id, start)
	case goes && (c.Monitored() || c.Locked()):
		err = keepAndRestart(ctx, store, c, stop)
	case goes && c.Record.State() == libstorage.Running:
		err = restartKept(ctx, store, c, stop, start)
	case goes: // stopping would remove it
		_, err = Start(ctx, store, id, start)
	default:
		if err = Stop(ctx, store, c, stop); err == nil {
			_, err = Start(ctx, store, id, start)
		}
	}
	if err == nil {
		Note(store, c, "restart")
	}
	return err
}

// restartLimit is how long who keeps a container has to start it again; the runtime
// has a minute for that.
const restartLimit = 90 * time.Second

// keepAndRestart has a container started again by its monitor, or the `run` that it
// is attached to.
func keepAndRestart(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo, stop StopOptions) (err error) {
	e := &ender{store: store, o: stop, c: *c}
	wish, err := life.NewWish(c.RunDir)
	if err != nil {
		return e.errorf(errclass.Internal, "%w", err)
	}
	defer func() { err = errors.Join(err, wish.Close()) }()
	// Of somebody who wanted to stop it and was cut short.
	if err := os.Remove(filepath.Join(c.RunDir, monitor.StopFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return e.errorf(errclass.Internal, "%w", err)
	}
	before := c.Record
	if before.State() == libstorage.Running {
		keeper := keeperOf(c)
		err := e.ask(ctx)
		keeper.wake()
		if err != nil {
			return err
		}
	}
	for end := time.Now().Add(restartLimit); ; {
		info, err := store.Container(ctx, c.Record.ID)
		if answered, failure := wish.Answer(); failure != "" {
			return e.errorf(errclass.Internal, "it was not started again: %s", failure)
		} else if answered {
			return nil
		}
		r := &info.Record
		switch {
		case err != nil:
			return err
		case info.Err != nil:
			return info.Err
		case r.State() == libstorage.Running && (r.Pid != before.Pid || r.StartTime != before.StartTime):
			return nil // for somebody else, or by its policy
		case !info.Monitored() && !info.Locked() || time.Now().After(end):
			return e.errorf(errclass.Conflict, "it has ended, and nobody has started it again")
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// restartKept restarts a container that was to be removed at its end, and whose
// keeper was killed.
func restartKept(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo, stop StopOptions, start StartOptions) error {
	e := &ender{store: store, o: stop, c: *c}
	if c.Record.Ephemeral {
		return e.errorf(errclass.Conflict, "it was made with --rm, and who could start it again was killed: it cannot be restarted")
	}
	if err := e.end(ctx); err != nil {
		return err
	}
	_, err := Start(ctx, store, c.Record.ID, start)
	return err
}
