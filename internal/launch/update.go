// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libexec/monitor"
	"github.com/tug-containers/tug/libstorage"
)

// Update changes limits and restart policy of a container: of the one that runs
// at once, and for all starts to come. When the limits cannot be had, nothing
// is changed for those.
//
// An attached `run --rm` holds the record of its container to the end. That
// container has no other start, and its record is left.
func Update(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo, change func(*Config) error) error {
	if c.Err != nil {
		return c.Err
	}
	from, to, err := changed(c, change)
	if err != nil {
		return err
	}
	r := &c.Record
	if to.Restart != from.Restart {
		if err := mayRestart(c, to.Restart.Policy); err != nil {
			return err
		}
	}
	if err := to.Exec.CheckLimits(); err != nil {
		return err
	}
	if r.State() == libstorage.Running {
		if err := updateRunning(ctx, store, c, from, to); err != nil {
			return err
		}
	}
	if err := remember(ctx, store, c, change); err != nil {
		return err
	}
	Note(store, c, "update")
	return nil
}

// mayRestart tells why a container cannot have a restart policy. One that goes when
// it ends cannot be started for ever, nor without a monitor.
func mayRestart(c *libstorage.ContainerInfo, policy string) error {
	r := &c.Record
	if policy == monitor.RestartNo || !r.Ephemeral && !r.AutoRemove {
		return nil
	}
	var reason string
	switch {
	case policy != monitor.RestartOnFailure:
		reason = "it is removed when it ends: its restart policy can be on-failure, or no"
	case r.Ephemeral && !c.Monitored():
		reason = "it is removed when it ends, and has no monitor that could start it again"
	default:
		return nil
	}
	return errclass.New(errclass.Conflict, r.Name, fmt.Errorf("container %s: %s", r.Name, reason))
}

func changed(c *libstorage.ContainerInfo, change func(*Config) error) (from, to Config, err error) {
	if from, err = ReadConfig(c); err != nil {
		return from, to, err
	}
	to = from
	return from, to, change(&to)
}

func updateRunning(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo, from, to Config) error {
	runtime, err := runtimeOf(ctx, store, c.RunDir, c.Record.Runtime)
	if err != nil {
		return err
	}
	bundle := libexec.Container{ID: c.Record.ID, Bundle: c.RunDir}
	if err := runtime.Update(ctx, bundle, from.Exec, to.Exec.Resources); err != nil {
		return err
	}
	if to.Restart == from.Restart || !c.Monitored() {
		return nil
	}
	data, err := json.Marshal(to.Restart)
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	return ondisk.ReplaceShared(filepath.Join(c.RunDir, monitor.RestartFile), data, 0o644)
}

// remember keeps the change in the record.
func remember(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo, change func(*Config) error) error {
	held, err := openRecord(ctx, store, c)
	if held == nil || err != nil {
		return err
	}
	// Somebody else may have changed something in the meantime.
	info := libstorage.ContainerInfo{Record: held.Record()}
	_, to, err := changed(&info, change)
	if err == nil {
		var data []byte
		if data, err = json.Marshal(&to); err == nil {
			err = held.Update(func(r *libstorage.Record) { r.Config = data })
		}
	}
	return errors.Join(err, held.Close())
}

// openRecord takes the lock of a container, and waits a moment for whoever has
// it; nil for one that an attached run holds.
func openRecord(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo) (*libstorage.Container, error) {
	for end := time.Now().Add(quietLimit); ; {
		held, err := store.OpenContainer(ctx, c.Record.ID)
		switch {
		case err == nil:
			return held, nil
		case !errors.Is(err, libstorage.ErrContainerLocked):
			return nil, err
		case c.Record.Ephemeral && c.Record.State() == libstorage.Running && !c.Monitored():
			return nil, nil
		case time.Now().After(end):
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
