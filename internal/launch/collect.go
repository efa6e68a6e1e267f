// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"

	"github.com/tug-containers/tug/libexec/network"
	"github.com/tug-containers/tug/libstorage"
)

// Collect removes everything in a store that belongs to nobody, which Sweep does
// for containers that were to go with their process. With dryRun it only looks.
func Collect(ctx context.Context, store *libstorage.Store, dryRun bool) ([]libstorage.Leftover, error) {
	left, err := store.Collect(ctx, libstorage.CollectOptions{
		DryRun: dryRun, Stop: stopper(store),
		Settle: func(ctx context.Context, info libstorage.ContainerInfo) error {
			return collectRun(ctx, store, info.Record.ID)
		},
	})
	more, nerr := collectNetworks(ctx, store, dryRun)
	return append(left, more...), errors.Join(err, nerr)
}

// collectNetworks takes away what containers have on networks that do not run, or
// are not there any more.
func collectNetworks(ctx context.Context, store *libstorage.Store, dryRun bool) ([]libstorage.Leftover, error) {
	set := Networks(store, network.Config{}, "", nil)
	ids, err := set.Holders()
	var left []libstorage.Leftover
	for _, id := range ids {
		why, purge := abandoned(ctx, store, id)
		if why == "" {
			continue
		}
		if !dryRun {
			if perr := purge(func() error { return set.Purge(ctx, id) }); errors.Is(perr, libstorage.ErrContainerLocked) {
				continue
			} else if perr != nil {
				err = errors.Join(err, perr)
				continue
			}
		}
		left = append(left, libstorage.Leftover{Kind: "network", Name: id, Why: why})
	}
	return left, err
}

// abandoned says why what a container has on networks is of no use, and how it is
// to be taken away; empty when it is of use.
func abandoned(ctx context.Context, store *libstorage.Store, id string) (why string, purge func(func() error) error) {
	at := func(f func() error) error { return f() }
	info, err := store.Container(ctx, id)
	switch {
	case errors.Is(err, libstorage.ErrContainerUnknown):
		return "its container is gone", at
	case err != nil || info.Err != nil || !idle(&info):
		return "", nil
	}
	return "its container does not run", func(f func() error) error {
		c, err := store.OpenContainer(ctx, id)
		if errors.Is(err, libstorage.ErrContainerUnknown) {
			return f()
		} else if err != nil {
			return err
		}
		if info, err := store.Container(ctx, id); err == nil && (info.Monitored() || info.Record.State() == libstorage.Running) {
			return errors.Join(libstorage.ErrContainerLocked, c.Close()) // it was started since
		}
		return errors.Join(f(), c.Close())
	}
}

func idle(c *libstorage.ContainerInfo) bool {
	return c.Record.State() != libstorage.Running && !c.Monitored() && !c.Locked()
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
