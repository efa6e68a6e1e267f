// SPDX-License-Identifier: Apache-2.0

// Package volume is the command tug-volume: volumes that containers keep their
// data in, beside their own file systems.
package volume

import (
	"context"
	"errors"
	"fmt"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libstorage"
)

const commands = "create, exists, export, import, inspect, ls, prune, rm"

// New makes the command.
func New() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tug-volume COMMAND [OPTION]... [ARGUMENT]...",
		Short: "Create, list, show and remove volumes",
		Args: cli.Usage(func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("say one of " + commands)
			}
			return fmt.Errorf("unknown command %q: say one of %s", args[0], commands)
		}),
		RunE: func(*cobra.Command, []string) error {
			return errors.New("internal error: a volume command without a name")
		},
	}
	cmd.CompletionOptions.DisableDefaultCmd = true
	globals := cli.AddGlobals(cmd)
	for _, sub := range []*cobra.Command{
		create(globals), exists(globals), export(globals), importer(globals), inspect(globals), list(globals),
		prune(globals), remove(globals),
	} {
		sub.DisableFlagsInUseLine = true
		cmd.AddCommand(sub)
	}
	return cmd
}

// open opens the store for a command that touches no image.
func open(ctx context.Context, globals *cli.Globals) (*libstorage.Store, error) {
	where := globals.Store()
	where.ContainersOnly = true
	return libstorage.Open(ctx, where)
}

// sweep removes what killed commands left: the volumes of their containers are
// not in use.
func sweep(ctx context.Context, s *libstorage.Store) {
	err := launch.Sweep(ctx, s)
	lines, verr := s.CollectVolumes(ctx)
	for _, line := range lines {
		logrus.Debug(line)
	}
	if err = errors.Join(err, verr); err != nil {
		logrus.Debugf("sweep: %v", err)
	}
}

// oneOrAll checks the arguments of a command that takes volumes or --all.
func oneOrAll(all *bool) cobra.PositionalArgs {
	return cli.Usage(func(_ *cobra.Command, args []string) error {
		switch {
		case *all && len(args) > 0:
			return errors.New("--all takes no volume")
		case !*all && len(args) == 0:
			return errors.New("name a volume, or give --all")
		}
		return nil
	})
}

func exists(globals *cli.Globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exists [OPTION]... VOLUME",
		Short: "Tell by the exit code whether a volume is there",
		Args:  cli.Usage(cobra.ExactArgs(1)),
	}
	cmd.ValidArgsFunction = cli.CompleteVolumes(globals)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := open(cmd.Context(), globals)
		if err != nil {
			return err
		}
		defer s.Close()
		if _, err = s.Volume(cmd.Context(), args[0]); errors.Is(err, libstorage.ErrVolumeUnknown) {
			return &cli.ExitError{Code: 1}
		}
		return err
	}
	return cmd
}
