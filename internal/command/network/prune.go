// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	networks "github.com/tug-containers/tug/libexec/network"
	"github.com/tug-containers/tug/libexec/network/cni"
)

func prune(globals *cli.Globals) *cobra.Command {
	var force bool
	var conditions []string
	cmd := &cobra.Command{
		Use:   "prune [OPTION]...",
		Short: "Remove the networks that no container has",
		Args:  cli.Usage(cobra.NoArgs),
	}
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	f := cmd.Flags()
	f.StringArrayVar(&conditions, "filter", nil, "Remove only networks that match `KEY=VALUE`; can be repeated")
	f.BoolVarP(&force, "force", "f", false, "Do not ask")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		wanted, err := cli.ParseFilters(conditions, pruneKeys(), parseFilter)
		if err != nil {
			return err
		}
		return with(cmd, globals, func(ctx context.Context, w *world) error {
			w.sweep(ctx)
			unused, err := w.unused(ctx, wanted)
			if err != nil {
				return err
			}
			if !force {
				if yes, err := ask(cmd, unused); err != nil || !yes {
					return err
				}
			}
			return w.prune(cmd, unused)
		})
	}
	return cmd
}

// unused are the networks of ours that no container has, but for the default one.
func (w *world) unused(ctx context.Context, wanted filters) ([]networks.Network, error) {
	all, err := w.set.List()
	if err != nil {
		return nil, err
	}
	var unused []networks.Network
	for i := range all {
		n := &all[i]
		if n.Err != nil || n.Driver == cni.Name || n.Name == w.set.DefaultName() {
			continue
		}
		users, err := w.used(ctx, n)
		if err != nil {
			return nil, err
		}
		yes, err := wanted.Match(ctx, candidate{n, w})
		if err != nil {
			return nil, err
		}
		if yes && len(users) == 0 {
			unused = append(unused, *n)
		}
	}
	return unused, nil
}

// ask shows what would be removed. Without such a network there is nothing to ask,
// and nothing to do.
func ask(cmd *cobra.Command, unused []networks.Network) (bool, error) {
	if len(unused) == 0 {
		return false, nil
	}
	stderr := cmd.ErrOrStderr()
	fmt.Fprintln(stderr, "WARNING! This will remove all networks not used by at least one container. The following networks will be removed:")
	for i := range unused {
		fmt.Fprintln(stderr, unused[i].Name)
	}
	return cli.Confirm(cmd, "Are you sure you want to continue?")
}

func (w *world) prune(cmd *cobra.Command, unused []networks.Network) error {
	var failed error
	w.wishes = nil // the answer may have taken its time
	for i := range unused {
		n := &unused[i]
		users, err := w.used(cmd.Context(), n)
		if err == nil && len(users) > 0 {
			continue
		}
		if err == nil {
			err = w.set.Remove(cmd.Context(), n.Name)
		}
		if errors.Is(err, networks.ErrInUse) || errors.Is(err, networks.ErrUnknown) {
			continue // since then
		}
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		w.note("remove", n)
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), n.Name); err != nil {
			return err
		}
	}
	return errors.Join(failed, context.Cause(cmd.Context()))
}
