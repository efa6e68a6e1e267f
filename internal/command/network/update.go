// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	networks "github.com/tug-containers/tug/libexec/network"
)

func update(globals *cli.Globals) *cobra.Command {
	var add, drop []string
	cmd := &cobra.Command{
		Use:   "update [OPTION]... NETWORK",
		Short: "Change the servers that a network asks for other names",
	}
	cmd.ValidArgsFunction = complete(globals)
	f := cmd.Flags()
	f.StringSliceVar(&add, "dns-add", nil, "`ADDRESS` of a server to ask too; can be repeated")
	f.StringSliceVar(&drop, "dns-drop", nil, "`ADDRESS` of a server not to ask any more; can be repeated")
	cmd.Args = cli.Usage(func(cmd *cobra.Command, args []string) error {
		if len(add)+len(drop) == 0 {
			return errors.New("say --dns-add or --dns-drop")
		}
		return cobra.ExactArgs(1)(cmd, args)
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		more, err := addresses("--dns-add", add)
		if err != nil {
			return err
		}
		fewer, err := addresses("--dns-drop", drop)
		if err != nil {
			return err
		}
		return with(cmd, globals, func(ctx context.Context, w *world) error {
			_, err := w.set.Update(ctx, args[0], func(n *networks.Network) error {
				if !n.DNS {
					return cli.UsageError("--dns-add", "network %s: it resolves no names", n.Name)
				}
				n.DNSServers = slices.DeleteFunc(n.DNSServers, func(a netip.Addr) bool { return slices.Contains(fewer, a) })
				for _, a := range more {
					if !slices.Contains(n.DNSServers, a) {
						n.DNSServers = append(n.DNSServers, a)
					}
				}
				return nil
			})
			return err
		})
	}
	return cmd
}

func addresses(flag string, list []string) (all []netip.Addr, err error) {
	for _, text := range list {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, cli.UsageError(flag, "%s %q: not an address", flag, text)
		}
		all = append(all, a)
	}
	return all, nil
}
