// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/status"
	"github.com/tug-containers/tug/libexec/network"
	"github.com/tug-containers/tug/libexec/network/cni"
	"github.com/tug-containers/tug/libstorage"
)

// InUse says why a store is not to be reset: a container of ours runs, or another
// program has some there.
func InUse(ctx context.Context, store *libstorage.Store) error {
	all, err := store.Containers(ctx)
	if err != nil {
		return err
	}
	var names []string
	for i := range all {
		if c := &all[i]; status.Of(c).Lives() || c.Monitored() || c.Locked() {
			name := c.Record.Name
			if name == "" {
				name = c.Record.ID[:12]
			}
			names = append(names, name)
		}
	}
	if names != nil {
		return errclass.New(errclass.Conflict, names[0], fmt.Errorf("containers run: %s: stop them first, or use --force", strings.Join(names, ", ")))
	}
	foreign, err := store.Foreign()
	if err == nil && foreign != nil {
		err = errclass.New(errclass.Conflict, foreign[0], fmt.Errorf("containers of another program are in the store: %s: remove them there, or use --force",
			strings.Join(foreign, " ")))
	}
	return err
}

// Reset removes everything that is in a store, and the store: containers, which
// are ended, volumes, networks and images. What cannot be removed is an error, and
// then the images stay.
func Reset(ctx context.Context, store *libstorage.Store, warn func(string)) error {
	all, err := store.Containers(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for i := range all {
		errs = append(errs, Remove(ctx, store, &all[i], RemoveOptions{
			Force: true, Volumes: true, Stop: StopOptions{Timeout: new(time.Duration), Warn: warn},
		}))
	}
	volumes, err := store.Volumes(ctx)
	errs = append(errs, err)
	for _, v := range volumes {
		errs = append(errs, store.RemoveVolume(ctx, v.Name))
	}
	errs = append(errs, resetNetworks(ctx, store))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return store.Reset(ctx)
}

// resetNetworks removes all networks, and what of them killed commands left. Those of
// CNI are files of others.
func resetNetworks(ctx context.Context, store *libstorage.Store) error {
	set := Networks(store, network.Config{}, "", nil)
	ids, err := set.Holders()
	errs := []error{err}
	for _, id := range ids {
		errs = append(errs, set.Purge(ctx, id))
	}
	all, err := set.List()
	errs = append(errs, err)
	for _, n := range all {
		if n.Driver == cni.Name {
			continue
		}
		if err := set.Remove(ctx, n.Name); !errors.Is(err, network.ErrUnknown) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
