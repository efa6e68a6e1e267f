// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"

	"github.com/tug-containers/tug/libstorage"
)

// Collect removes everything in a store that belongs to nobody, which Sweep does
// for containers that were to go with their process. With dryRun it only looks.
func Collect(ctx context.Context, store *libstorage.Store, dryRun bool) ([]libstorage.Leftover, error) {
	return store.Collect(ctx, libstorage.CollectOptions{
		DryRun: dryRun, Stop: stopper(store),
		Settle: func(ctx context.Context, info libstorage.ContainerInfo) error {
			return collectRun(ctx, store, info.Record.ID)
		},
	})
}

// collectRun cleans up after a container that has ended. That nobody saw how is
// noted. One that was to go then is removed.
func collectRun(ctx context.Context, store *libstorage.Store, id string) error {
	c, err := store.OpenContainer(ctx, id)
	if err != nil {
		return err
	}
	info, err := store.Container(ctx, id)
	if err == nil && (info.Record.State() == libstorage.Running || info.Monitored()) {
		err = libstorage.ErrContainerLocked // it was started since
	}
	unseen := err == nil && info.Record.State() == libstorage.Unknown && info.Record.Finished.IsZero()
	if unseen {
		err = c.NoteExit(nil)
	}
	if err == nil {
		err = stopper(store)(ctx, info)
	}
	if err != nil {
		return errors.Join(err, c.Close())
	}
	if unseen {
		NoteEnd(store, &info, nil)
	}
	if info.Record.State() == libstorage.Created {
		return errors.Join(c.Cleanup(), c.Close()) // what was to be removed at its end has not begun
	}
	return finish(ctx, store, c, &info)
}
