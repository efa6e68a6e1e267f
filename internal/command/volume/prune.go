// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/libstorage"
)

func prune(globals *cli.Globals) *cobra.Command {
	var force bool
	var conditions []string
	cmd := &cobra.Command{
		Use:   "prune [OPTION]...",
		Short: "Remove the volumes that no container has",
		Args:  cli.Usage(cobra.NoArgs),
	}
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	f := cmd.Flags()
	f.StringArrayVar(&conditions, "filter", nil, "Remove only volumes that match `KEY=VALUE`; can be repeated")
	f.BoolVarP(&force, "force", "f", false, "Do not ask")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		wanted, err := cli.ParseFilters(conditions, pruneKeys(), parseFilter)
		if err != nil {
			return err
		}
		s, err := open(cmd.Context(), globals)
		if err != nil {
			return err
		}
		defer s.Close()
		sweep(cmd.Context(), s)
		if !force {
			if yes, err := ask(cmd, s, wanted); err != nil || !yes {
				return err
			}
		}
		return pruneAll(cmd, s, wanted)
	}
	return cmd
}

// ask shows what would be removed. Without such a volume there is nothing to
// ask, and nothing to do.
func ask(cmd *cobra.Command, s *libstorage.Store, wanted filters) (bool, error) {
	unused, err := s.UnusedVolumes(cmd.Context())
	if err != nil {
		return false, err
	}
	found := false
	stderr := cmd.ErrOrStderr()
	for _, v := range unused {
		keep, err := wanted.Match(cmd.Context(), candidate{v, s})
		if err != nil {
			return false, err
		}
		if keep && !found {
			fmt.Fprintln(stderr, "WARNING! This will remove all volumes not used by at least one container. The following volumes will be removed:")
		}
		if keep {
			fmt.Fprintln(stderr, v.Name)
		}
		found = found || keep
	}
	if !found {
		return false, nil
	}
	return cli.Confirm(cmd, "Are you sure you want to continue?")
}

func pruneAll(cmd *cobra.Command, s *libstorage.Store, wanted filters) error {
	var failed error
	removed, err := s.PruneVolumes(cmd.Context(), func(v libstorage.Volume) bool {
		yes, err := wanted.Match(cmd.Context(), candidate{v, s})
		failed = errors.Join(failed, err)
		return yes
	})
	for _, name := range removed {
		if _, perr := fmt.Fprintln(cmd.OutOrStdout(), name); perr != nil {
			return perr
		}
	}
	return errors.Join(failed, err, context.Cause(cmd.Context()))
}
