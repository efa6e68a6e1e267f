// SPDX-License-Identifier: Apache-2.0

// Package cleanup is the command tug-cleanup.
package cleanup

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libstorage"
)

// New makes the command.
func New() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tug-cleanup [OPTION]... CONTAINER...",
		Short: "Unmount what containers that have ended still have mounted",
		Args:  cli.Usage(cobra.MinimumNArgs(1)),
	}
	globals := cli.AddGlobals(cmd)
	cmd.ValidArgsFunction = cli.CompleteContainers(globals)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		ctx := cmd.Context()
		store, err := libstorage.Open(ctx, globals.Store())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		for _, name := range args {
			info, cerr := store.Container(ctx, name)
			if cerr == nil {
				cerr = launch.Cleanup(ctx, store, info.Record.ID)
			}
			if cerr != nil && err != nil {
				cli.Report(cmd, err)
			}
			if cerr != nil {
				err = cerr
			}
		}
		return err
	}
	return cmd
}
