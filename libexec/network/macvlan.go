// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/errclass"
)

// macvlan is the driver that gives containers an interface of their own on the link
// of one of the host's. The host has nothing of it, so there is nothing to reload.
type macvlan struct{ *bridge }

func (m *macvlan) Name() string { return Macvlan }

// Add makes the interface.
func (m *macvlan) Add(_ context.Context, n *Network, want Attachment, j *Joined, keep func() error) error {
	if len(j.Container.Ports) > 0 {
		return errorf(errclass.Unsupported, n.Name, "network %s: ports cannot be published on macvlan: the container has an address of its own there", n.Name)
	}
	if err := keep(); err != nil {
		return err
	}
	if err := m.take(n, want, j); err != nil {
		return err
	}
	if err := keep(); err != nil {
		return err
	}
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return kernelError(n, "netlink", err)
	}
	defer h.Close()
	parent, err := h.LinkByName(n.Interface)
	if err != nil {
		return errorf(errclass.NotFound, n.Interface, "network %s: interface %s of the host: %w", n.Name, n.Interface, err)
	}
	mac, err := net.ParseMAC(j.MAC)
	if err != nil {
		return err
	}
	return inNamespace(j.Netns, func(ns int) error {
		link := &netlink.Macvlan{
			LinkAttrs: netlink.LinkAttrs{
				Name: j.Interface, ParentIndex: parent.Attrs().Index, MTU: n.MTU, HardwareAddr: mac, Namespace: netlink.NsFd(ns), TxQLen: -1,
			},
			Mode: netlink.MACVLAN_MODE_BRIDGE,
		}
		if err := h.LinkAdd(link); err != nil {
			return kernelError(n, "macvlan on "+n.Interface, err)
		}
		return inside(n, j)
	})
}

// Remove gives back the addresses. The interface goes with the namespace.
func (m *macvlan) Remove(_ context.Context, j *Joined, ending bool) error {
	if !ending && isNamespace(j.Netns) {
		err := inNamespace(j.Netns, func(int) error {
			h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
			if err != nil {
				return err
			}
			defer h.Close()
			return removeLink(h, j.Interface)
		})
		if err != nil {
			return fmt.Errorf("interface %s: %w", j.Interface, err)
		}
	}
	pool := m.addresses(j.Network)
	of := j.Addresses
	if len(of) == 0 {
		var err error
		if of, err = pool.of(j.Container.ID); err != nil {
			return err
		}
	}
	return pool.give(j.Container.ID, of)
}

// Reload and Drop have nothing to do.
func (m *macvlan) Reload(context.Context, *Network, []Joined) error { return nil }
func (m *macvlan) Drop(context.Context, *Network) error             { return nil }

// completeMacvlan fills in what a definition leaves open.
func completeMacvlan(n *Network) error {
	bad := func(format string, args ...any) error {
		return errorf(errclass.Usage, n.Name, "network %s: %w", n.Name, fmt.Errorf(format, args...))
	}
	if n.VLAN != 0 || n.Isolate || n.IsolateAll {
		return bad("vlan and isolate are not for macvlan")
	}
	if len(n.Subnets) == 0 && !n.NoAddresses {
		return bad("say which subnet the link has, with --subnet; or --ipam-driver none")
	}
	if n.Interface == "" {
		name, err := defaultInterface()
		if err != nil {
			return errors.Join(bad("no interface with a default route: say which with --interface-name"), err)
		}
		n.Interface = name
	} else if _, err := netlink.LinkByName(n.Interface); err != nil {
		return errorf(errclass.NotFound, n.Interface, "network %s: the host has no interface %s", n.Name, n.Interface)
	}
	for i := range n.Subnets {
		sub := &n.Subnets[i]
		n.IPv6 = n.IPv6 || sub.Subnet.Addr().Is6()
		if !sub.Gateway.IsValid() && !n.Internal {
			sub.Gateway = sub.Subnet.Addr().Next()
		}
	}
	return nil
}

// defaultInterface is that of the host's default route.
func defaultInterface() (string, error) {
	routes, err := dump(func() ([]netlink.Route, error) { return netlink.RouteList(nil, unix.AF_INET) })
	if err != nil {
		return "", err
	}
	for _, r := range routes {
		if r.Dst != nil && r.Dst.String() != "0.0.0.0/0" {
			continue
		}
		link, err := netlink.LinkByIndex(r.LinkIndex)
		if err != nil {
			return "", err
		}
		return link.Attrs().Name, nil
	}
	return "", unix.ENODEV
}
