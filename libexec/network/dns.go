// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"path/filepath"
	"slices"

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
	on := named(n, j)
	j.Nameservers, j.Search = on.Listen, []string{names.Domain}
	return s.book().Join(ctx, on, nameOf(j))
}

// rename writes the names of a network anew, by who is on it.
func (s *Set) rename(ctx context.Context, n *Network, on []Joined) error {
	i := slices.IndexFunc(on, func(j Joined) bool { return j.DNS })
	if i < 0 {
		return nil
	}
	return s.book().Restore(ctx, named(n, &on[i]), func() ([]names.Container, error) {
		on, err := s.On(n.Name) // now that nobody else changes the names
		var all []names.Container
		for i := range on {
			if on[i].DNS && len(on[i].Addresses) > 0 {
				all = append(all, nameOf(&on[i]))
			}
		}
		return all, err
	})
}

// named is what is known of a network by its names.
func named(n *Network, j *Joined) names.Network {
	on := names.Network{Name: n.Name, Interface: j.Bridge, Servers: n.DNSServers, Internal: n.Internal}
	for _, sub := range n.Subnets {
		on.Subnets = append(on.Subnets, sub.Subnet)
		if sub.Gateway.IsValid() {
			on.Listen = append(on.Listen, sub.Gateway)
		}
	}
	return on
}

// nameOf is what is known of a container.
func nameOf(j *Joined) names.Container {
	c := names.Container{ID: j.Container.ID, Servers: j.Container.DNS}
	for _, name := range append([]string{j.Container.Name, j.Container.ID[:12]}, j.Aliases...) {
		if name != "" {
			c.Names = append(c.Names, name)
		}
	}
	for _, p := range j.Addresses {
		c.Addresses = append(c.Addresses, p.Addr())
	}
	return c
}
