// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/life"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

// RemoveOptions are how to remove a container.
type RemoveOptions struct {
	// Force ends one that runs, by Stop. Without, it is refused, with
	// libstorage.ErrContainerRunning.
	Force bool
	Stop  StopOptions
	// Volumes removes the anonymous volumes that no other container has.
	Volumes bool
}

// Remove removes a container, a damaged one too. When it returns, all is done.
// One that somebody else removes meanwhile is no error.
func Remove(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo, o RemoveOptions) error {
	stop := removing(store, o.Stop)
	if !o.Force {
		stop = refusing(store)
	}
	remove := store.RemoveContainer
	if o.Volumes {
		remove = store.RemoveContainerAndVolumes
	}
	err := remove(ctx, c.Record.ID, stop)
	if errors.Is(err, libstorage.ErrContainerUnknown) {
		return nil
	}
	if err == nil {
		Note(store, c, "remove")
	}
	return err
}

// removing ends a container that is to be removed.
func removing(store *libstorage.Store, o StopOptions) libstorage.StopFunc {
	return func(ctx context.Context, c libstorage.ContainerInfo) error {
		if c.Err != nil {
			return crush(ctx, store, &c)
		}
		e := &ender{store: store, o: o, c: c, anyhow: true}
		if err := e.end(ctx); err != nil {
			return err
		}
		if e.ran {
			Note(store, &c, "stop")
		}
		err := tidy(ctx, store, &e.c)
		if errors.Is(err, libexec.ErrRuntimeFailed) && e.c.Record.State() != libstorage.Running {
			// It crashed, or hung, but there is nothing left that it should end.
			if o.Warn != nil {
				o.Warn(fmt.Sprintf("container %s: %v", c.Record.ID, err))
			}
			return nil
		}
		return err
	}
}

// refusing does not end a container, but only what a killed command left. One
// that is just being started is looked at again, until it is seen to run.
func refusing(store *libstorage.Store) libstorage.StopFunc {
	return func(ctx context.Context, c libstorage.ContainerInfo) error {
		id := c.Record.ID
		for limit := time.Now().Add(removeLimit); ; {
			monitored := c.Monitored()
			late := time.Now().After(limit)
			switch {
			case c.Err != nil:
				return nil
			case c.Record.State() == libstorage.Running || monitored && late: // it will be started again
				return errclass.New(errclass.Conflict, id, fmt.Errorf("container %s: %w: stop it first, or use --force", id, libstorage.ErrContainerRunning))
			case !monitored && !c.Locked():
				return tidy(ctx, store, &c)
			case late:
				return nil // it is said who has the lock
			}
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(10 * time.Millisecond):
			}
			var err error
			if c, err = store.Container(ctx, id); err != nil {
				return err
			}
		}
	}
}

// removeLimit is how long a container is waited for that somebody starts, or
// works on, before that somebody is named.
const removeLimit = 5 * time.Second

// tidy removes what the runtime has of a container without a process. After an
// orderly end it has nothing, nor is there a run directory.
func tidy(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo) error {
	if _, err := os.Lstat(c.RunDir); errors.Is(err, fs.ErrNotExist) {
		return leaveNetworks(ctx, store, c)
	}
	return stopper(store)(ctx, *c)
}

// crush ends a container whose record cannot be read: nobody knows how it wants
// to be asked, nor which runtime it has.
func crush(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo) error {
	if err := mark(c); err != nil {
		return err
	}
	if live, err := life.ReadLive(c.Dir); err == nil {
		h, err := libexec.Process{Pid: live.Pid, StartTime: live.StartTime}.Open()
		if err == nil {
			err = errors.Join(h.Signal(syscall.SIGKILL), libexec.Thaw(c.Record.ID, live.Pid))
			if err == nil {
				limited, cancel := context.WithTimeout(ctx, killLimit)
				err = h.Wait(limited)
				cancel()
			}
			err = errors.Join(err, h.Close())
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
	}
	states, err := filepath.Glob(filepath.Join(filepath.Dir(c.RunDir), "runtime", "*", c.Record.ID))
	if err != nil {
		return err
	}
	for _, state := range states {
		of := *c
		of.Record.Runtime = filepath.Base(filepath.Dir(state))
		if err := stopper(store)(ctx, of); err != nil {
			return err
		}
	}
	if len(states) == 0 {
		err = stopper(store)(ctx, *c)
	}
	// What the monitor does at the end needs the record.
	killMonitor(ctx, c)
	return err
}
