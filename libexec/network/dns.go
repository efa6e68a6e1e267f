// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"path/filepath"

	"github.com/tug-containers/tug/libexec/network/names"
)

// book has the names of the networks whose Network.DNS is set.
func (s *Set) book() names.Book {
	return names.Book{Dir: filepath.Join(s.o.RunDir, "names"), Program: s.o.Resolver}
}

// enter makes a container known by its names to those on the same network, and
// tells it where to ask.
func (s *Set) enter(ctx context.Context, n *Network, j *Joined) error {
	if !j.DNS {
		return nil
	}
	on := names.Network{Name: n.Name, Interface: j.Bridge, Servers: n.DNSServers, Internal: n.Internal}
	for _, sub := range n.Subnets {
		on.Subnets = append(on.Subnets, sub.Subnet)
		if sub.Gateway.IsValid() {
			on.Listen = append(on.Listen, sub.Gateway)
		}
	}
	c := names.Container{ID: j.Container.ID, Servers: j.Container.DNS}
	for _, name := range append([]string{j.Container.Name, j.Container.ID[:12]}, j.Aliases...) {
		if name != "" {
			c.Names = append(c.Names, name)
		}
	}
	for _, p := range j.Addresses {
		c.Addresses = append(c.Addresses, p.Addr())
	}
	j.Nameservers, j.Search = on.Listen, []string{names.Domain}
	return s.book().Join(ctx, on, c)
}
