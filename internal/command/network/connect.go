// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"net/netip"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
	networks "github.com/tug-containers/tug/libexec/network"
	"github.com/tug-containers/tug/libstorage"
)

func connect(globals *cli.Globals) *cobra.Command {
	var a networks.Attachment
	var ip, ip6 string
	cmd := &cobra.Command{
		Use:   "connect [OPTION]... NETWORK CONTAINER",
		Short: "Put a container on one network more",
		Args:  cli.Usage(cobra.ExactArgs(2)),
	}
	cmd.ValidArgsFunction = completePair(globals)
	f := cmd.Flags()
	f.StringSliceVar(&a.Aliases, "alias", nil, "Another `NAME` by which containers of the network find it; can be repeated")
	f.StringVar(&ip, "ip", "", "IPv4 `ADDRESS` on the network (default: a free one)")
	f.StringVar(&ip6, "ip6", "", "IPv6 `ADDRESS` on the network (default: a free one)")
	f.StringVar(&a.MAC, "mac-address", "", "Hardware `ADDRESS` on the network (default: one that follows from the other)")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if a.IP, err = cli.ParseAddress("--ip", ip, netip.Addr.Is4); err != nil {
			return err
		}
		if a.IP6, err = cli.ParseAddress("--ip6", ip6, netip.Addr.Is6); err != nil {
			return err
		}
		if err := a.Check(); err != nil {
			return err
		}
		return with(cmd, globals, func(ctx context.Context, w *world) error {
			w.sweep(ctx)
			a.Network = args[0]
			if _, err := w.find(ctx, a.Network); err != nil {
				return err
			}
			info, err := w.store.Container(ctx, args[1])
			if err != nil {
				return err
			}
			return launch.Connect(ctx, w.store, w.set, &info, a)
		})
	}
	return cmd
}

func disconnect(globals *cli.Globals) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "disconnect [OPTION]... NETWORK CONTAINER",
		Short: "Take a container off a network",
		Args:  cli.Usage(cobra.ExactArgs(2)),
	}
	cmd.ValidArgsFunction = completePair(globals)
	cmd.Flags().BoolVarP(&force, "force", "f", false, "Do so whatever is known of the container and the network; what is not there is no error")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return with(cmd, globals, func(ctx context.Context, w *world) error {
			info, err := w.store.Container(ctx, args[1])
			if force && errors.Is(err, libstorage.ErrContainerUnknown) {
				return nil
			}
			if err != nil {
				return err
			}
			return launch.Disconnect(ctx, w.store, w.set, &info, args[0], force)
		})
	}
	return cmd
}

// completePair offers a network first, then a container.
func completePair(globals *cli.Globals) cobra.CompletionFunc {
	network, container := complete(globals), cli.CompleteContainers(globals)
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return network(cmd, args, typed)
		case 1:
			return container(cmd, nil, typed)
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}
