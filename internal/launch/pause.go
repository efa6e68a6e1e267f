// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

// freezeLimit is how long the processes of a container may take to stand still.
const freezeLimit = 10 * time.Second

// Pause stops all processes of a container where they are; ErrState when it does
// not run, or is paused.
func Pause(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo) error {
	paused, err := pausable(c)
	switch {
	case err != nil:
		return err
	case paused:
		return stateError(c, "%q is not running, can't pause", "paused")
	}
	ctx, cancel := context.WithTimeout(ctx, freezeLimit)
	defer cancel()
	if err := libexec.Freeze(ctx, c.Record.ID, c.Record.Pid); err != nil {
		return frozen(c, err)
	}
	Note(store, c, "pause")
	return nil
}

// Unpause lets them go on; ErrState when the container is not paused.
func Unpause(store *libstorage.Store, c *libstorage.ContainerInfo) error {
	paused, err := pausable(c)
	switch {
	case err != nil:
		return err
	case !paused:
		return stateError(c, "%q is not paused, can't unpause", c.Record.ID)
	}
	if err := libexec.Thaw(c.Record.ID, c.Record.Pid); err != nil {
		return frozen(c, err)
	}
	Note(store, c, "unpause")
	return nil
}

// pausable tells whether a container that runs is paused.
func pausable(c *libstorage.ContainerInfo) (bool, error) {
	if c.Err != nil {
		return false, c.Err
	}
	state := c.Record.State()
	if state != libstorage.Running {
		return false, stateError(c, "%q is not running, can't pause", state)
	}
	paused, err := libexec.Paused(c.Record.Pid)
	if err != nil {
		return false, frozen(c, err)
	}
	return paused, nil
}

func frozen(c *libstorage.ContainerInfo, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return stateError(c, "container %s has just ended", c.Record.ID)
	}
	return fmt.Errorf("container %s: %w", c.Record.ID, err)
}
