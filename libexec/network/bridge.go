// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/errclass"
)

// bridge is the driver that makes bridges.
type bridge struct {
	runDir string
	// mark tells our interfaces and rules from those of other stores.
	mark string
}

func newBridge(runDir string) *bridge {
	sum := sha256.Sum256([]byte(runDir))
	return &bridge{runDir: runDir, mark: hex.EncodeToString(sum[:4])}
}

func (b *bridge) Name() string { return Bridge }

func (b *bridge) addresses(name string) addresses {
	return addresses{dir: filepath.Join(b.runDir, "networks", name, "addresses"), network: name}
}

// hostName is the name of the host's end of the pair of interfaces. The same
// container has the same one at each start: it is found without a record.
func (b *bridge) hostName(j *Joined) string {
	sum := sha256.Sum256([]byte(b.runDir + "\n" + j.Container.ID + "\n" + j.Network))
	return "tv" + hex.EncodeToString(sum[:6])
}

// Add makes a pair of interfaces, one end a port of the bridge and the other in
// the container's namespace, and the rules for its ports.
func (b *bridge) Add(ctx context.Context, n *Network, want Attachment, j *Joined, keep func() error) error {
	// What Remove has to look for.
	j.Host, j.Bridge = b.hostName(j), n.Interface
	if err := keep(); err != nil {
		return err
	}
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return kernelError(n, "netlink", err)
	}
	defer h.Close()
	master, err := b.up(ctx, h, n)
	if err != nil {
		return err
	}
	if err := b.take(n, want, j); err != nil {
		return err
	}
	if err := mappable(j.Container.Ports); err != nil {
		return err
	}
	ports, err := claimPorts(j.Container.Ports)
	if err != nil {
		return holder(b.runDir, err, j)
	}
	defer ports.close()
	if err := b.unmapped(ports.list, j, func(other *Joined) bool { return other.Driver != Bridge }); err != nil {
		return err
	}
	j.Container.Ports = ports.list
	if err := keep(); err != nil {
		return err
	}
	if err := b.connect(h, n, master, j); err != nil {
		return err
	}
	if len(j.Container.Ports) > 0 {
		if err := setSysctl("net/ipv4/conf/"+n.Interface+"/route_localnet", "1"); err != nil {
			return err
		}
	}
	return holder(b.runDir, b.fill(n, j), j)
}

// take gives the container its addresses and its hardware address.
func (b *bridge) take(n *Network, want Attachment, j *Joined) error {
	for _, ip := range []netip.Addr{want.IP, want.IP6} {
		if ip.IsValid() && !slices.ContainsFunc(n.Subnets, func(s Subnet) bool { return s.Subnet.Contains(ip) }) {
			return errorf(errclass.Usage, ip.String(), "network %s: address %s: not in one of its subnets", n.Name, ip)
		}
	}
	pool := b.addresses(n.Name)
	for i := range n.Subnets {
		sub := &n.Subnets[i]
		ip := want.IP
		if sub.Subnet.Addr().Is6() {
			ip = want.IP6
		}
		if !sub.Subnet.Contains(ip) {
			// A second subnet of a kind is for those that ask for it.
			if ip.IsValid() || slices.ContainsFunc(n.Subnets[:i], func(s Subnet) bool { return s.Subnet.Addr().Is4() == sub.Subnet.Addr().Is4() }) {
				continue
			}
		}
		at, err := pool.take(sub, ip, j.Container.ID)
		if err != nil {
			return err
		}
		j.Addresses = append(j.Addresses, netip.PrefixFrom(at, sub.Subnet.Bits()))
		if !n.Internal && !n.NoDefaultRoute {
			j.Gateways = append(j.Gateways, sub.Gateway)
		}
	}
	mac, err := hardware(want.MAC, j)
	j.MAC = mac.String()
	return err
}

// hardware is the hardware address of a container's interface. One that follows
// from its address is right in the caches of others, too.
func hardware(want string, j *Joined) (net.HardwareAddr, error) {
	if want != "" {
		mac, err := net.ParseMAC(want)
		if err != nil || len(mac) != 6 || mac[0]&1 != 0 {
			return nil, errorf(errclass.Usage, want, "MAC address %q: not one of an interface", shorten(want))
		}
		return mac, nil
	}
	if len(j.Addresses) > 0 {
		if a := j.Addresses[0].Addr().AsSlice(); len(a) >= 4 {
			return append(net.HardwareAddr{0x02, 0x74}, a[len(a)-4:]...), nil
		}
	}
	sum := sha256.Sum256([]byte(j.Container.ID + j.Network))
	return append(net.HardwareAddr{0x02, 0x75}, sum[:4]...), nil
}

// connect makes the pair of interfaces.
func (b *bridge) connect(h *netlink.Handle, n *Network, master netlink.Link, j *Joined) error {
	mac, err := net.ParseMAC(j.MAC)
	if err != nil {
		return err
	}
	return inNamespace(j.Netns, func(ns int) error {
		pair := netlink.NewVeth(netlink.LinkAttrs{Name: j.Host, MasterIndex: master.Attrs().Index, MTU: n.MTU, TxQLen: -1})
		pair.PeerName, pair.PeerHardwareAddr, pair.PeerNamespace, pair.PeerMTU = j.Interface, mac, netlink.NsFd(ns), uint32(n.MTU)
		err := h.LinkAdd(pair)
		if errors.Is(err, unix.EEXIST) {
			// That of an earlier start: the kernel takes it away when it has the time.
			if err := removeLink(h, j.Host); err != nil {
				return kernelError(n, "remove interface "+j.Host, err)
			}
			err = h.LinkAdd(pair)
		}
		if err != nil {
			return kernelError(n, "interface "+j.Interface+" of the container", err)
		}
		if err := b.port(h, n, pair, j); err != nil {
			return err
		}
		if err := inside(n, j); err != nil {
			return err
		}
		return kernelError(n, "interface "+j.Host, h.LinkSetUp(pair))
	})
}

// port sets up the host's end.
func (b *bridge) port(h *netlink.Handle, n *Network, pair *netlink.Veth, j *Joined) error {
	if err := h.LinkSetAlias(pair, b.alias(j.Container.ID)); err != nil {
		return kernelError(n, "interface "+j.Host, err)
	}
	// A container that calls a port of the host that leads to itself.
	if err := h.LinkSetHairpin(pair, true); err != nil {
		return kernelError(n, "interface "+j.Host, err)
	}
	if n.VLAN == 0 {
		return nil
	}
	return kernelError(n, fmt.Sprintf("vlan %d", n.VLAN), tag(h, pair, n.VLAN, false))
}

// tag gives a port of a bridge, or with self the bridge, a VLAN.
func tag(h *netlink.Handle, link netlink.Link, vlan int, self bool) error {
	if vlan != 1 {
		if err := h.BridgeVlanDel(link, 1, true, true, self, !self); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return h.BridgeVlanAdd(link, uint16(vlan), true, true, self, !self)
}

// inside sets up the container's end; the caller is in its namespace.
func inside(n *Network, j *Joined) error {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return kernelError(n, "netlink", err)
	}
	defer h.Close()
	if lo, err := h.LinkByName("lo"); err != nil || h.LinkSetUp(lo) != nil {
		return kernelError(n, "loopback interface of the container", errors.Join(err, unix.ENODEV))
	}
	link, err := h.LinkByName(j.Interface)
	if err != nil {
		return kernelError(n, "interface "+j.Interface+" of the container", err)
	}
	if err := quiet(j.Interface, n.IPv6); err != nil {
		return err
	}
	if err := h.LinkSetUp(link); err != nil {
		return kernelError(n, "interface "+j.Interface+" of the container", err)
	}
	for _, p := range j.Addresses {
		if err := h.AddrAdd(link, address(p)); err != nil {
			return kernelError(n, "address "+p.String(), err)
		}
	}
	for _, r := range routes(n, j) {
		route := &netlink.Route{LinkIndex: link.Attrs().Index, Gw: r.Gateway.AsSlice(), Priority: r.Metric, Scope: netlink.SCOPE_UNIVERSE}
		if r.Destination.IsValid() {
			route.Dst = &net.IPNet{IP: r.Destination.Addr().AsSlice(), Mask: net.CIDRMask(r.Destination.Bits(), r.Destination.Addr().BitLen())}
		}
		if err := h.RouteAdd(route); err != nil {
			return kernelError(n, "route by "+r.Gateway.String(), err)
		}
	}
	return nil
}

// routes are those of a container: the default ones have no destination. Of several
// networks the first is preferred.
func routes(n *Network, j *Joined) []Route {
	metric := n.Metric
	if metric == 0 {
		metric = 100 + j.Order
	}
	var list []Route
	for _, gateway := range j.Gateways {
		list = append(list, Route{Gateway: gateway})
	}
	list = append(list, n.Routes...)
	for i := range list {
		if list[i].Metric == 0 {
			list[i].Metric = metric
		}
	}
	return list
}

// quiet keeps an interface from believing what routers, or containers that say
// that they are one, announce (CVE-2020-10749), and from waiting until an address
// is known to be nobody else's: that is what the Set is for.
func quiet(name string, six bool) error {
	if !hasSysctl("net/ipv6/conf/" + name) {
		return nil
	}
	if !six {
		return setSysctl("net/ipv6/conf/"+name+"/disable_ipv6", "1")
	}
	for _, key := range []string{"accept_ra", "autoconf", "accept_dad", "accept_redirects"} {
		if err := setSysctl("net/ipv6/conf/"+name+"/"+key, "0"); err != nil {
			return err
		}
	}
	return setSysctl("net/ipv6/conf/"+name+"/disable_ipv6", "0")
}

func address(p netip.Prefix) *netlink.Addr {
	a := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
	if p.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	return a
}

// Remove gives back what Add has taken. The interfaces go with the namespace, by
// the kernel and after a while; one whose namespace is kept by somebody goes when
// the container comes back, or by Collect.
func (b *bridge) Remove(_ context.Context, j *Joined, ending bool) error {
	err := b.empty(j)
	if !ending {
		err = errors.Join(err, b.cut(j)) // which takes the kernel some 20 ms
	}
	pool := b.addresses(j.Network)
	of := j.Addresses
	if len(of) == 0 {
		var oerr error
		of, oerr = pool.of(j.Container.ID)
		err = errors.Join(err, oerr)
	}
	if err != nil {
		return err
	}
	return pool.give(j.Container.ID, of)
}

// kernelError says what the kernel refused, and nothing when it did not.
func kernelError(n *Network, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return errorf(errclass.Unsupported, n.Name, "network %s: %s: %w: a bridge needs the rights of root over the network", n.Name, what, err)
	case errors.Is(err, unix.EOPNOTSUPP):
		return errorf(errclass.Unsupported, n.Name, "network %s: %s: the kernel has no such thing: %w", n.Name, what, err)
	}
	return errorf(errclass.Internal, n.Name, "network %s: %s: %w", n.Name, what, err)
}
