// SPDX-License-Identifier: Apache-2.0

// Package pause is the command tug-pause.
package pause

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/target"
	"github.com/tug-containers/tug/libstorage"
)

// New makes the command.
func New() *cobra.Command {
	selection := &target.Selection{}
	cmd := &cobra.Command{
		Use:   "tug-pause [OPTION]... CONTAINER...",
		Short: "Pause containers",
	}
	globals := cli.AddGlobals(cmd)
	cmd.ValidArgsFunction = cli.CompleteContainers(globals, libstorage.Running)
	f := cmd.Flags()
	f.BoolVarP(&selection.All, "all", "a", false, "Pause all containers that run")
	f.StringArrayVar(&selection.CIDFiles, "cidfile", nil, "Pause the container whose ID is in this `FILE`; can be repeated")
	f.StringArrayVarP(&selection.Filters, "filter", "f", nil, "Pause the containers for which `KEY=VALUE` holds; can be repeated")
	f.BoolVarP(&selection.Latest, "latest", "l", false, "Pause the container that was made last")
	cmd.Args = cli.Usage(func(_ *cobra.Command, args []string) error { return selection.Check(args) })
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return selection.Run(cmd, globals.Store(), args, func(ctx context.Context, store *libstorage.Store, t *target.Target) error {
			if t.Err != nil {
				return t.Err
			}
			return launch.Pause(ctx, store, &t.Info)
		})
	}
	return cmd
}
