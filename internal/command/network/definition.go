// SPDX-License-Identifier: Apache-2.0

package network

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	networks "github.com/tug-containers/tug/libexec/network"
)

// Who gives out addresses.
const (
	hostLocal = "host-local"
	noIPAM    = "none"
)

// network is the definition that the flags ask for. What depends on others, and on
// the host, is for the Set to say.
func (o *asked) network(args []string) (n networks.Network, err error) {
	n = networks.Network{
		Driver: o.driver, Interface: o.device, Internal: o.internal, IPv6: o.ipv6,
		DNS: !o.noDNS && o.driver == networks.Bridge,
	}
	if len(args) > 0 {
		n.Name = args[0]
		if err := networks.CheckName(n.Name); err != nil {
			return n, err
		}
	}
	if n.Labels, err = cli.ParsePairs("--label", o.labels, false); err != nil {
		return n, err
	}
	if err := o.subnetsOf(&n); err != nil {
		return n, err
	}
	if n.DNSServers, err = addresses("--dns", o.servers); err != nil {
		return n, err
	}
	if o.noDNS && len(n.DNSServers) > 0 {
		return n, cli.UsageError("--dns", "--dns and --disable-dns exclude each other")
	}
	for _, text := range o.routes {
		route, err := parseRoute(text)
		if err != nil {
			return n, err
		}
		n.Routes = append(n.Routes, route)
	}
	return n, o.driverOptions(&n)
}

func (o *asked) subnetsOf(n *networks.Network) error {
	if o.ipam != hostLocal && o.ipam != noIPAM {
		return errclass.New(errclass.Unsupported, "--ipam-driver", cli.UsageError("--ipam-driver", "--ipam-driver %q: must be host-local or none", o.ipam))
	}
	if n.NoAddresses = o.ipam == noIPAM; n.NoAddresses && len(o.subnets)+len(o.gateways)+len(o.ranges) > 0 {
		return cli.UsageError("--ipam-driver", "--ipam-driver none: such a network has no subnet, gateway or range")
	}
	for _, text := range o.subnets {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return cli.UsageError("--subnet", "--subnet %q: not a subnet", text)
		}
		n.Subnets = append(n.Subnets, networks.Subnet{Subnet: p.Masked()})
	}
	if len(n.Subnets) == 0 && len(o.gateways)+len(o.ranges) > 0 {
		return cli.UsageError("--subnet", "--gateway and --ip-range need --subnet")
	}
	gateways, err := addresses("--gateway", o.gateways)
	if err != nil {
		return err
	}
	for _, gateway := range gateways {
		s := subnetWith(n, gateway)
		if s == nil {
			return cli.UsageError("--gateway", "--gateway %s: not in a subnet of the network", gateway)
		}
		if s.Gateway.IsValid() {
			return cli.UsageError("--gateway", "--gateway %s: subnet %s has the gateway %s already", gateway, s.Subnet, s.Gateway)
		}
		s.Gateway = gateway
	}
	for _, text := range o.ranges {
		r, err := parseRange(text)
		if err != nil {
			return err
		}
		s := subnetWith(n, r.Start)
		if s == nil || !s.Subnet.Contains(r.End) {
			return cli.UsageError("--ip-range", "--ip-range %s: not in a subnet of the network", text)
		}
		if s.LeaseRange != nil {
			return cli.UsageError("--ip-range", "--ip-range %s: subnet %s has a range already", text, s.Subnet)
		}
		s.LeaseRange = &r
	}
	return nil
}

func subnetWith(n *networks.Network, a netip.Addr) *networks.Subnet {
	for i := range n.Subnets {
		if n.Subnets[i].Subnet.Contains(a) {
			return &n.Subnets[i]
		}
	}
	return nil
}

// parseRange reads a subnet, or START-END.
func parseRange(text string) (networks.Range, error) {
	bad := cli.UsageError("--ip-range", "--ip-range %q: neither a subnet nor START-END", text)
	if start, end, ok := strings.Cut(text, "-"); ok {
		first, err := netip.ParseAddr(start)
		last, lerr := netip.ParseAddr(end)
		if err != nil || lerr != nil || last.Less(first) || first.Is4() != last.Is4() {
			return networks.Range{}, bad
		}
		return networks.Range{Start: first, End: last}, nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return networks.Range{}, bad
	}
	return networks.RangeOf(p.Masked()), nil
}

// parseRoute reads SUBNET,GATEWAY[,METRIC].
func parseRoute(text string) (r networks.Route, err error) {
	bad := cli.UsageError("--route", "--route %q: not SUBNET,GATEWAY[,METRIC]", text)
	fields := strings.Split(text, ",")
	if len(fields) < 2 || len(fields) > 3 {
		return r, bad
	}
	to, err := netip.ParsePrefix(fields[0])
	via, verr := netip.ParseAddr(fields[1])
	if err != nil || verr != nil || to.Addr().Is4() != via.Is4() {
		return r, bad
	}
	r = networks.Route{Destination: to.Masked(), Gateway: via}
	if len(fields) == 3 {
		metric, err := strconv.ParseUint(fields[2], 10, 31)
		if err != nil {
			return r, bad
		}
		r.Metric = int(metric)
	}
	return r, nil
}

// driverOptions are podman's and, where it takes them too, docker's.
func (o *asked) driverOptions(n *networks.Network) error {
	options, err := cli.ParsePairs("--opt", o.options, false)
	if err != nil {
		return err
	}
	for name, value := range options {
		bad := cli.UsageError("--opt", "--opt %s: %q is not a value of it", name, value)
		number := func(to *int, limit int) error {
			i, err := strconv.Atoi(value)
			if err != nil || i < 0 || i > limit {
				return bad
			}
			*to = i
			return nil
		}
		err := error(nil)
		switch name {
		case "mtu", "com.docker.network.driver.mtu":
			err = number(&n.MTU, 65535)
		case "vlan":
			err = number(&n.VLAN, 4094)
		case "metric":
			err = number(&n.Metric, 1<<31-1)
		case "isolate":
			switch value {
			case "strict":
				n.Isolate, n.IsolateAll = true, true
			case "false", "0":
			case "true", "1":
				n.Isolate = true
			default:
				err = bad
			}
		case "no_default_route":
			n.NoDefaultRoute, err = strconv.ParseBool(value)
			if err != nil {
				err = bad
			}
		case "com.docker.network.bridge.name", "parent":
			if n.Interface != "" && n.Interface != value {
				return cli.UsageError("--opt", "--opt %s=%s: the interface is %s already", name, value, n.Interface)
			}
			n.Interface = value
		case "mode":
			if value != "bridge" {
				err = errclass.New(errclass.Unsupported, "--opt", bad)
			}
		default:
			err = errclass.New(errclass.Unsupported, "--opt", cli.UsageError("--opt", "--opt %s: not an option of driver %s", name, n.Driver))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
