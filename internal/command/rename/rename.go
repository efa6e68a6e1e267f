// SPDX-License-Identifier: Apache-2.0

// Package rename is the command tug-rename.
package rename

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libstorage"
)

// New makes the command.
func New() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tug-rename [OPTION]... CONTAINER NAME",
		Short: "Give a container another name",
		Args:  cli.Usage(cobra.ExactArgs(2)),
	}
	globals := cli.AddGlobals(cmd)
	complete := cli.CompleteContainers(globals)
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, args, typed)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return run(cmd.Context(), globals.Store(), args[0], args[1])
	}
	return cmd
}

func run(ctx context.Context, opts libstorage.Options, container, name string) (err error) {
	if err := libstorage.CheckName(name); err != nil {
		return err
	}
	store, err := libstorage.Open(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	info, err := store.Container(ctx, container)
	if err != nil || info.Record.Name == name {
		return err
	}
	if err := store.RenameContainer(ctx, info.Record.ID, name); err != nil {
		return err
	}
	info.Record.Name = name
	launch.Note(store, &info, "rename")
	return nil
}
