// SPDX-License-Identifier: Apache-2.0

package network

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
)

// DefaultName is the network that containers are on unless they ask for another.
// It is made when it is used first.
const DefaultName = "bridge"

// The drivers of networks that we make.
const (
	Bridge  = "bridge"
	Macvlan = "macvlan"
)

// Network is the definition of a network. It does not change while containers are
// on it. The names in JSON are those of podman's network inspect, where it has
// them.
type Network struct {
	Format int `json:"format"`
	// Name and ID are unique in a Set; both, and the beginning of the ID, find it.
	Name   string `json:"name"`
	ID     string `json:"id"`
	Driver string `json:"driver"`
	// Interface is the bridge on the host, or for macvlan the parent.
	Interface string    `json:"network_interface,omitzero"`
	Created   time.Time `json:"created"`
	Subnets   []Subnet  `json:"subnets,omitzero"`
	// NoAddresses says that containers see to that themselves.
	NoAddresses bool `json:"no_addresses,omitzero"`
	// Routes are the containers', beside the default one, which NoDefaultRoute leaves
	// out. Metric is that of all of them, where they have none of their own.
	Routes         []Route `json:"routes,omitzero"`
	NoDefaultRoute bool    `json:"no_default_route,omitzero"`
	Metric         int     `json:"metric,omitzero"`
	IPv6           bool    `json:"ipv6_enabled"`
	// Chosen says that interface and subnets are ours to choose: when somebody else
	// has them at the time the bridge is made, they are chosen anew.
	Chosen bool `json:"chosen,omitzero"`
	// Internal networks have no way out.
	Internal bool `json:"internal"`
	// Isolate keeps the containers of other isolated networks away, and IsolateAll
	// those of all others.
	Isolate    bool `json:"isolate,omitzero"`
	IsolateAll bool `json:"isolate_all,omitzero"`
	MTU        int  `json:"mtu,omitzero"`
	// VLAN is the tag of the containers' ports of the bridge; 0: none.
	VLAN int `json:"vlan,omitzero"`
	// DNS has the names of the network's containers resolved, and DNSServers are
	// asked for all others; empty: the host's.
	DNS        bool              `json:"dns_enabled"`
	DNSServers []netip.Addr      `json:"network_dns_servers,omitzero"`
	Labels     map[string]string `json:"labels,omitzero"`
	Options    map[string]string `json:"options,omitzero"`

	// Err is why a definition cannot be used, of those that List gives; then it has
	// a Name alone.
	Err error `json:"-"`
}

// Subnet is a range of addresses of a network.
type Subnet struct {
	Subnet netip.Prefix `json:"subnet"`
	// Gateway is the bridge's own address; of an internal network too.
	Gateway netip.Addr `json:"gateway,omitzero"`
	// LeaseRange is where addresses are taken from; nil for all of the subnet.
	LeaseRange *Range `json:"lease_range,omitzero"`
}

// Route leads to a subnet by a gateway of the network's.
type Route struct {
	Destination netip.Prefix `json:"destination"`
	Gateway     netip.Addr   `json:"gateway"`
	// Metric is 0 for the network's.
	Metric int `json:"metric,omitzero"`
}

// RangeOf is all of a subnet.
func RangeOf(p netip.Prefix) Range { return Range{Start: p.Masked().Addr(), End: last(p)} }

// Range is from one address to another, both included.
type Range struct {
	Start netip.Addr `json:"start_ip,omitzero"`
	End   netip.Addr `json:"end_ip,omitzero"`
}

const (
	format    = 1
	nameLimit = 128
)

// CheckName refuses what cannot be the name of a network.
func CheckName(name string) error {
	switch name {
	case "none", "host", "private", "container", "ns", "pasta", "slirp4netns", "default", "":
		return errorf(errclass.Usage, name, "network name %q: it means something else", name)
	}
	if !validName(name) {
		return errorf(errclass.Usage, name, "network name %q: not letters, digits and _.- after a letter or digit", shorten(name))
	}
	return nil
}

func validName(name string) bool {
	if name == "" || len(name) > nameLimit {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if alnum := c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'; !alnum && (i == 0 || strings.IndexByte("_.-", c) < 0) {
			return false
		}
	}
	return true
}

// validInterface accepts what the kernel takes for the name of an interface.
func validInterface(name string) bool {
	return name != "" && len(name) <= 15 && name != "." && name != ".." && !strings.ContainsAny(name, "/: \t\n\v\f\r%")
}

// check refuses a definition that makes no sense.
func (n *Network) check() error {
	bad := func(format string, args ...any) error {
		return errorf(errclass.Usage, n.Name, "network %s: %w", n.Name, fmt.Errorf(format, args...))
	}
	switch {
	case n.Interface != "" && !validInterface(n.Interface):
		return bad("interface %q: not a name of one", shorten(n.Interface))
	case n.MTU != 0 && (n.MTU < 68 || n.MTU > 65535):
		return bad("mtu %d: not from 68 to 65535", n.MTU)
	case n.VLAN < 0 || n.VLAN > 4094:
		return bad("vlan %d: not from 1 to 4094", n.VLAN)
	}
	for i, s := range n.Subnets {
		if err := s.check(); err != nil {
			return bad("%w", err)
		}
		for _, other := range n.Subnets[:i] {
			if other.Subnet.Overlaps(s.Subnet) {
				return bad("subnets %s and %s have addresses in common", other.Subnet, s.Subnet)
			}
		}
	}
	for _, r := range n.Routes {
		if !r.Destination.IsValid() || r.Destination.Masked() != r.Destination || r.Destination.Addr().Is4() != r.Gateway.Is4() {
			return bad("route to %s by %s: not a route", r.Destination, r.Gateway)
		}
		if len(n.Subnets) > 0 && !slices.ContainsFunc(n.Subnets, func(s Subnet) bool { return s.Subnet.Contains(r.Gateway) }) {
			return bad("route to %s: gateway %s is in no subnet of the network", r.Destination, r.Gateway)
		}
	}
	return nil
}

func (s *Subnet) check() error {
	p := s.Subnet
	switch {
	case !p.IsValid() || p.Addr().Is4In6() || p.Masked() != p:
		return fmt.Errorf("subnet %s: not the address of one", p)
	case p.Addr().BitLen()-p.Bits() < 2:
		return fmt.Errorf("subnet %s: no room for a container", p)
	case p.Addr().IsMulticast() || p.Addr().IsLoopback() || p.Addr().IsLinkLocalUnicast():
		return fmt.Errorf("subnet %s: these addresses have another purpose", p)
	case s.Gateway.IsValid() && !p.Contains(s.Gateway):
		return fmt.Errorf("gateway %s: not in subnet %s", s.Gateway, p)
	case s.Gateway.IsValid() && (s.Gateway == p.Addr() || s.Gateway == last(p)):
		return fmt.Errorf("gateway %s: not the address of a host in %s", s.Gateway, p)
	}
	if r := s.LeaseRange; r != nil {
		for _, a := range []netip.Addr{r.Start, r.End} {
			if a.IsValid() && !p.Contains(a) {
				return fmt.Errorf("address %s of the range: not in subnet %s", a, p)
			}
		}
		if r.Start.IsValid() && r.End.IsValid() && r.End.Less(r.Start) {
			return fmt.Errorf("range %s-%s: the end comes first", r.Start, r.End)
		}
		if first, end := s.bounds(); end.Less(first) {
			return fmt.Errorf("range in subnet %s: it has no address of a host", p)
		}
	}
	return nil
}

// last is the last address of a subnet.
func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
