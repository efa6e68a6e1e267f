// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"fmt"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/target"
	networks "github.com/tug-containers/tug/libexec/network"
	"github.com/tug-containers/tug/libexec/network/cni"
	"github.com/tug-containers/tug/libstorage"
)

type removeOptions struct {
	force bool
	time  target.Seconds
}

func remove(globals *cli.Globals) *cobra.Command {
	var o removeOptions
	cmd := &cobra.Command{
		Use:     "rm [OPTION]... NETWORK...",
		Aliases: []string{"remove"},
		Short:   "Remove networks",
	}
	cmd.ValidArgsFunction = complete(globals)
	f := cmd.Flags()
	f.BoolVarP(&o.force, "force", "f", false, "Remove the containers that have the network too; a missing one is no error")
	o.time.Register(f, "With --force: `SECONDS` to wait before a container is killed, -1 for ever (default: as it was made with, 10)")
	cmd.Args = cli.Usage(func(cmd *cobra.Command, args []string) error {
		if o.time.Limit != nil && !o.force {
			return errors.New("--time needs --force")
		}
		return cobra.MinimumNArgs(1)(cmd, args)
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return with(cmd, globals, func(ctx context.Context, w *world) error {
			w.sweep(ctx)
			removal := cli.Removal{Missing: networks.ErrUnknown, InUse: networks.ErrInUse, Force: o.force}
			removal.One = func(ctx context.Context, arg string) (string, error) { return arg, o.one(ctx, w, arg) }
			return removal.Run(cmd, args)
		})
	}
	return cmd
}

func (o *removeOptions) one(ctx context.Context, w *world, arg string) error {
	n, err := w.set.Lookup(arg)
	if err != nil && n.Name == "" || errors.Is(err, networks.ErrUnknown) || errors.Is(err, networks.ErrNewer) {
		return err
	}
	if err == nil && n.Driver == cni.Name {
		// Before its containers are removed for nothing.
		return errclass.New(errclass.Unsupported, n.Name, fmt.Errorf("network %s: it is a file of CNI: it cannot be removed here", n.Name))
	}
	users, err := w.used(ctx, &n)
	if err != nil {
		return err
	}
	if len(users) > 0 && !o.force {
		return errclass.New(errclass.Conflict, n.Name, fmt.Errorf("network %s has containers, %s is one of them; use --force to remove them and the network: %w",
			n.Name, users[0], networks.ErrInUse))
	}
	for _, id := range users {
		if err := o.removeUser(ctx, w, id); err != nil {
			return err
		}
	}
	if err := w.set.Remove(ctx, n.Name); err != nil {
		return err
	}
	w.note("remove", &n)
	return nil
}

// removeUser removes a container, whether it runs or not.
func (o *removeOptions) removeUser(ctx context.Context, w *world, id string) error {
	info, err := w.store.Container(ctx, id)
	if err == nil {
		err = launch.Remove(ctx, w.store, &info, launch.RemoveOptions{Force: true, Stop: launch.StopOptions{
			Timeout: o.time.Limit, Warn: func(message string) { logrus.Warn(message) },
		}})
	}
	if errors.Is(err, libstorage.ErrContainerUnknown) {
		// It is on the network all the same: what is left of one that is gone.
		return w.set.Teardown(ctx, id)
	}
	return err
}
