// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	networks "github.com/tug-containers/tug/libexec/network"
)

func inspect(globals *cli.Globals) *cobra.Command {
	var form string
	cmd := &cobra.Command{
		Use:   "inspect [OPTION]... NETWORK...",
		Short: "Show what is known of networks",
		Args:  cli.Usage(cobra.MinimumNArgs(1)),
	}
	cmd.ValidArgsFunction = complete(globals)
	cmd.Flags().StringVarP(&form, "format", "f", "", "`FORMAT` of the output: json, or a Go template")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		format, err := cli.ParseFormat(form)
		if err != nil {
			return err
		}
		return with(cmd, globals, func(ctx context.Context, w *world) error {
			list, err := w.look(ctx, cmd, args)
			if format.Default() || format.JSON {
				return errors.Join(cli.WriteJSON(cmd.OutOrStdout(), list), err)
			}
			if perr := cli.Write(cmd.OutOrStdout(), format, list, false); perr != nil {
				return perr
			}
			return err
		})
	}
	return cmd
}

// look describes the networks that are there. The error of the last one that is not
// is returned, those before it are reported.
func (w *world) look(ctx context.Context, cmd *cobra.Command, args []string) ([]Data, error) {
	var last error
	list := []Data{}
	for _, arg := range args {
		n, err := w.find(ctx, arg)
		if err == nil {
			d := describe(&n)
			if d.Containers, err = w.members(&n); err == nil {
				list = append(list, d)
			}
		}
		if err == nil {
			continue
		}
		if last != nil {
			cli.Report(cmd, last)
		}
		last = err
	}
	return list, last
}

// find finds a network as podman says that there is none.
func (w *world) find(ctx context.Context, name string) (networks.Network, error) {
	n, err := w.set.Find(ctx, name)
	if errors.Is(err, networks.ErrUnknown) {
		err = errclass.New(errclass.NotFound, name, fmt.Errorf("unable to find network with name or ID %s: %w", name, networks.ErrUnknown))
	}
	return n, err
}
