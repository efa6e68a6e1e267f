// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	networks "github.com/tug-containers/tug/libexec/network"
)

// asked is what the flags of create say.
type asked struct {
	driver, ipam, device              string
	subnets, gateways, ranges, routes []string
	labels, options, servers          []string
	internal, ipv6, noDNS, ignore     bool
}

func create(globals *cli.Globals) *cobra.Command {
	var o asked
	cmd := &cobra.Command{
		Use:   "create [OPTION]... [NAME]",
		Short: "Create a network",
		Args:  cli.Usage(cobra.MaximumNArgs(1)),
	}
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	f := cmd.Flags()
	f.BoolVar(&o.noDNS, "disable-dns", false, "Do not resolve the names of the network's containers")
	f.StringSliceVar(&o.servers, "dns", nil, "`ADDRESS` of a server to ask for other names (default: those of the host); can be repeated")
	f.StringVarP(&o.driver, "driver", "d", networks.Bridge, "`NAME` of the driver: bridge or macvlan")
	f.StringArrayVar(&o.gateways, "gateway", nil, "`ADDRESS` of the gateway (default: the first of the subnet); can be repeated")
	f.BoolVar(&o.ignore, "ignore", false, "A network that is there already is no error")
	f.StringVar(&o.device, "interface-name", "", "`NAME` of the bridge on the host, or of the device that macvlan is on")
	f.BoolVar(&o.internal, "internal", false, "Give the network no way out")
	f.StringArrayVar(&o.ranges, "ip-range", nil, "`RANGE` that addresses are taken from, as a subnet or START-END; can be repeated")
	f.StringVar(&o.ipam, "ipam-driver", hostLocal, "`NAME` of who gives out addresses: host-local or none")
	f.BoolVar(&o.ipv6, "ipv6", false, "Give the network a subnet of IPv6 too")
	f.StringArrayVar(&o.labels, "label", nil, "Label of the network, `NAME=VALUE`; can be repeated")
	f.StringArrayVarP(&o.options, "opt", "o", nil, "Option of the driver, `NAME=VALUE`; can be repeated")
	f.StringArrayVar(&o.routes, "route", nil, "`ROUTE` of the containers, SUBNET,GATEWAY[,METRIC]; can be repeated")
	f.StringArrayVar(&o.subnets, "subnet", nil, "`SUBNET` of the network (default: one that is free); can be repeated")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		n, err := o.network(args)
		if err != nil {
			return err
		}
		return with(cmd, globals, func(ctx context.Context, w *world) error {
			made, err := w.create(ctx, n)
			if err == nil {
				w.note("create", &made)
			}
			if o.ignore && errors.Is(err, networks.ErrExists) {
				made.Name, err = n.Name, nil
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), made.Name)
			return err
		})
	}
	return cmd
}

// create makes a network; without a name, under the first that is free.
func (w *world) create(ctx context.Context, n networks.Network) (networks.Network, error) {
	if n.Name != "" {
		return w.set.Create(ctx, n)
	}
	for i := 1; ; i++ {
		n.Name = fmt.Sprintf("network%d", i)
		made, err := w.set.Create(ctx, n)
		if !errors.Is(err, networks.ErrExists) {
			return made, err
		}
	}
}
