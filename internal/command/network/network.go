// SPDX-License-Identifier: Apache-2.0

// Package network is the command tug-network: networks that containers are on.
package network

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/events"
	"github.com/tug-containers/tug/internal/launch"
	networks "github.com/tug-containers/tug/libexec/network"
	"github.com/tug-containers/tug/libexec/network/cni"
	"github.com/tug-containers/tug/libexec/network/cni/plugin"
	"github.com/tug-containers/tug/libstorage"
)

const commands = "connect, create, disconnect, exists, inspect, ls, prune, reload, rm, update"

// New makes the command.
func New() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tug-network COMMAND [OPTION]... [ARGUMENT]...",
		Short: "Create, list, show and remove networks",
		Args: cli.Usage(func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("say one of " + commands)
			}
			return fmt.Errorf("unknown command %q: say one of %s", args[0], commands)
		}),
		RunE: func(*cobra.Command, []string) error {
			return errors.New("internal error: a network command without a name")
		},
	}
	cmd.CompletionOptions.DisableDefaultCmd = true
	globals := cli.AddGlobals(cmd)
	for _, sub := range []*cobra.Command{
		connect(globals), create(globals), disconnect(globals), exists(globals), inspect(globals), list(globals),
		prune(globals), reload(globals), remove(globals), update(globals), plugins(),
	} {
		sub.DisableFlagsInUseLine = true
		cmd.AddCommand(sub)
	}
	return cmd
}

// plugins is started by the commands that put containers on networks of CNI.
func plugins() *cobra.Command {
	return &cobra.Command{
		Use: cni.Command, Hidden: true, Args: cli.Usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return plugin.Main(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
}

// world is the store and its networks.
type world struct {
	store *libstorage.Store
	set   *networks.Set
	// wishes are launch.NetworkWishes; nil before they are read.
	wishes map[string][]string
}

// open opens the store for a command that touches no image.
func open(ctx context.Context, globals *cli.Globals) (*world, error) {
	where := globals.Store()
	where.ContainersOnly = true
	store, err := libstorage.Open(ctx, where)
	if err != nil {
		return nil, err
	}
	config, err := launch.NetworkConfig()
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	config.Warn = func(message string) { logrus.Warn(message) }
	set := launch.Networks(store, config, launch.Sibling("dns"), func(message string) { logrus.Debug(message) })
	return &world{store: store, set: set}, nil
}

func (w *world) close() error { return w.store.Close() }

// with calls use with the store open.
func with(cmd *cobra.Command, globals *cli.Globals, use func(ctx context.Context, w *world) error) (err error) {
	w, err := open(cmd.Context(), globals)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	return use(cmd.Context(), w)
}

// sweep takes containers off their networks whose commands were killed.
func (w *world) sweep(ctx context.Context) {
	if err := launch.Sweep(ctx, w.store); err != nil {
		logrus.Debugf("sweep: %v", err)
	}
}

// note appends an event. One that cannot be written is no reason to fail.
func (w *world) note(action string, n *networks.Network) {
	e := events.Event{Type: events.Network, Action: action, ID: n.ID, Network: n.Name, Attributes: n.Labels}
	if err := events.Append(events.Path(w.store.Root()), e); err != nil {
		logrus.Warnf("event: %v", err)
	}
}

// used are the IDs of the containers that have a network: those that are on it, and
// those that will be when they start.
func (w *world) used(ctx context.Context, n *networks.Network) ([]string, error) {
	on, err := w.set.On(n.Name)
	if err == nil && w.wishes == nil {
		w.wishes, err = launch.NetworkWishes(ctx, w.store)
	}
	ids := slices.Clone(w.wishes[n.Name])
	for i := range on {
		if id := on[i].Container.ID; !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, err
}

func exists(globals *cli.Globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exists [OPTION]... NETWORK",
		Short: "Tell by the exit code whether a network is there",
		Args:  cli.Usage(cobra.ExactArgs(1)),
	}
	cmd.ValidArgsFunction = complete(globals)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return with(cmd, globals, func(_ context.Context, w *world) error {
			_, err := w.set.Lookup(args[0])
			if errors.Is(err, networks.ErrUnknown) {
				return &cli.ExitError{Code: 1}
			}
			if errors.Is(err, networks.ErrDamaged) {
				err = nil // it is there
			}
			return err
		})
	}
	return cmd
}
