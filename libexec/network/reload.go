// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Reload makes again what is outside the containers' namespaces: bridges, their
// addresses, rules, names, resolvers, processes of pasta. Somebody may have flushed all
// tables. With names, it is for these networks alone.
func (s *Set) Reload(ctx context.Context, only ...string) error {
	all, err := s.List()
	if err != nil {
		return err
	}
	for _, n := range append(all, pastaNetwork()) {
		if n.Err != nil || len(only) > 0 && !slices.Contains(only, n.Name) {
			continue
		}
		on, oerr := s.On(n.Name)
		if err = errors.Join(err, oerr); len(on) == 0 {
			continue
		}
		d, derr := s.driver(n.Driver)
		if derr == nil {
			derr = d.Reload(ctx, &n, on)
		}
		if derr == nil && slices.ContainsFunc(on, func(j Joined) bool { return j.DNS }) {
			derr = s.rename(ctx, &n, on)
		}
		err = errors.Join(err, derr)
	}
	return err
}

// Reload has the bridge and the rules as they were.
func (b *bridge) Reload(ctx context.Context, n *Network, on []Joined) error {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return kernelError(n, "netlink", err)
	}
	defer h.Close()
	unlock, err := b.lockHost(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	master, err := b.raise(h, n)
	if err != nil {
		return err
	}
	for i := range on {
		link, err := h.LinkByName(on[i].Host)
		if err != nil {
			continue // its namespace is gone
		}
		if link.Attrs().MasterIndex != master.Attrs().Index {
			if err := h.LinkSetMaster(link, master); err != nil {
				return kernelError(n, "interface "+on[i].Host, err)
			}
		}
	}
	f, err := b.firewall()
	if err != nil {
		return err
	}
	defer f.close()
	return firewallError(f.load(n, on))
}
