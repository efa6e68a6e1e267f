// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/libstorage"
)

func reload(globals *cli.Globals) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "reload [OPTION]... [CONTAINER]...",
		Short: "Make firewall rules and resolvers anew",
	}
	cmd.ValidArgsFunction = cli.CompleteContainers(globals, libstorage.Running)
	cmd.Flags().BoolVarP(&all, "all", "a", false, "The networks of all containers (default without CONTAINER)")
	cmd.Args = cli.Usage(func(_ *cobra.Command, args []string) error {
		if all && len(args) > 0 {
			return errors.New("--all takes no container")
		}
		return nil
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return with(cmd, globals, func(ctx context.Context, w *world) error {
			w.sweep(ctx)
			names, err := w.networksOf(ctx, args)
			if err != nil || len(args) > 0 && len(names) == 0 {
				return err
			}
			if err := w.set.Reload(ctx, names...); err != nil {
				return err
			}
			return w.printMembers(cmd, names)
		})
	}
	return cmd
}

// networksOf are the networks that containers are on.
func (w *world) networksOf(ctx context.Context, args []string) ([]string, error) {
	var names []string
	for _, arg := range args {
		info, err := w.store.Container(ctx, arg)
		if err != nil {
			return nil, err
		}
		on, err := w.set.Of(info.Record.ID)
		if err != nil {
			return nil, err
		}
		for i := range on {
			if !slices.Contains(names, on[i].Network) {
				names = append(names, on[i].Network)
			}
		}
	}
	return names, nil
}

// printMembers prints the IDs of the containers of networks, or of all of them.
func (w *world) printMembers(cmd *cobra.Command, names []string) error {
	used, err := w.set.Used()
	if err != nil {
		return err
	}
	var ids []string
	for _, name := range used {
		if len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		on, err := w.set.On(name)
		if err != nil {
			return err
		}
		for k := range on {
			ids = append(ids, on[k].Container.ID)
		}
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), id); err != nil {
			return err
		}
	}
	return nil
}
