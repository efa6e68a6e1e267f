// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
)

// ErrRemoved says that a container cannot be restarted, since it goes when it
// ends.
var ErrRemoved = errors.New("it was made with --rm: when it stops it is gone")

// Restart stops a container, if it runs, and starts it.
func Restart(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo, stop StopOptions, start StartOptions) error {
	id := c.Record.ID
	if config, err := ReadConfig(c); err == nil && config.Service.has(ctx, c.Record.Pid) {
		_, err := config.Service.systemctl(ctx, "restart", config.Service.Unit)
		return err
	}
	if c.Record.Ephemeral || c.Record.AutoRemove && c.Record.Starts > 0 {
		return errclass.New(errclass.Conflict, id, fmt.Errorf("container %s: %w", id, ErrRemoved))
	}
	if err := Stop(ctx, store, c, stop); err != nil {
		return err
	}
	_, err := Start(ctx, store, id, start)
	if err == nil {
		Note(store, c, "restart")
	}
	return err
}
