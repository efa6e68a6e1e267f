// SPDX-License-Identifier: Apache-2.0

// Package unpause is the command tug-unpause.
package unpause

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
		Use:   "tug-unpause [OPTION]... CONTAINER...",
		Short: "Let paused containers go on",
	}
	globals := cli.AddGlobals(cmd)
	cmd.ValidArgsFunction = cli.CompleteContainers(globals, libstorage.Running)
	f := cmd.Flags()
	f.BoolVarP(&selection.All, "all", "a", false, "Let all paused containers go on")
	f.StringArrayVar(&selection.CIDFiles, "cidfile", nil, "Let the container go on whose ID is in this `FILE`; can be repeated")
	f.StringArrayVarP(&selection.Filters, "filter", "f", nil, "Let the containers go on for which `KEY=VALUE` holds; can be repeated")
	f.BoolVarP(&selection.Latest, "latest", "l", false, "Let the container go on that was made last")
	cmd.Args = cli.Usage(func(_ *cobra.Command, args []string) error { return selection.Check(args) })
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return selection.Run(cmd, globals.Store(), args, func(_ context.Context, store *libstorage.Store, t *target.Target) error {
			if t.Err != nil {
				return t.Err
			}
			return launch.Unpause(store, &t.Info)
		})
	}
	return cmd
}
