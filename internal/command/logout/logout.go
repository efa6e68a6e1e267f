// SPDX-License-Identifier: Apache-2.0

// Package logout is the command tug-logout.
package logout

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/access"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libimage"
)

// New makes the command.
func New() *cobra.Command {
	var all bool
	var flags *access.Flags
	cmd := &cobra.Command{
		Use:   "tug-logout [OPTION]... [REGISTRY]",
		Short: "Remove the credentials of a registry",
		Args:  cli.Usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			acc, err := flags.Access(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return run(cmd.Context(), args, all, acc, cmd.OutOrStdout())
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cli.AddGlobals(cmd)
	cli.Outside(cmd)
	flags = access.AddFile(cmd)
	cmd.Flags().BoolVarP(&all, "all", "a", false, "Remove the credentials of all registries")
	return cmd
}

func run(ctx context.Context, args []string, all bool, acc libimage.Access, stdout io.Writer) (err error) {
	if all {
		if len(args) > 0 {
			return errclass.New(errclass.Usage, "--all", errors.New("--all takes no registry"))
		}
		if err := libimage.LogoutAll(ctx, acc); err != nil {
			return err
		}
		_, err = fmt.Fprintln(stdout, "Removed login credentials for all registries")
		return err
	}
	registry := ""
	if len(args) == 1 {
		registry = args[0]
	} else if registry, err = libimage.DefaultRegistry(acc); err != nil {
		return err
	}
	if err := libimage.Logout(ctx, registry, acc); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "Removed login credentials for %s\n", cli.Printable(registry))
	return err
}
