// SPDX-License-Identifier: Apache-2.0

package network

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/errclass"
)

// errSubnet says that somebody has the subnet of a network whose bridge is not
// there.
var errSubnet = errors.New("subnet is used")

// hostLock is held while a bridge is made, by all stores of the machine: they
// share its interfaces and its addresses.
const hostLock = "/run/tug-networks.lock"

// alias is what our interfaces are marked with; whose is a network's ID or a
// container's.
func (b *bridge) alias(whose string) string { return "tug " + b.mark + " " + whose }

// hardwareOf is the hardware address of a network's bridge. It tells our bridge
// from any other, and does not change with its ports.
func hardwareOf(n *Network) net.HardwareAddr {
	id, err := hex.DecodeString(n.ID[:8])
	if err != nil {
		id = []byte{0, 0, 0, 0} // a network has an ID
	}
	return append(net.HardwareAddr{0x02, 0x76}, id...)
}

// up gives the bridge of a network, and makes it. Its alias is the last that it is
// given: one that has it is complete.
func (b *bridge) up(ctx context.Context, h *netlink.Handle, n *Network) (netlink.Link, error) {
	link, err := h.LinkByName(n.Interface)
	if err == nil && link.Attrs().Alias == b.alias(n.ID) && link.Attrs().Flags&net.FlagUp != 0 {
		return link, nil
	}
	unlock, err := b.lockHost(ctx)
	if err != nil {
		return nil, err
	}
	link, err = b.raise(h, n)
	return link, errors.Join(err, unlock())
}

func (b *bridge) lockHost(ctx context.Context) (func() error, error) {
	unlock, err := lock(ctx, hostLock)
	if errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.EROFS) {
		return lock(ctx, filepath.Join(b.runDir, "networks", ".lock"))
	}
	return unlock, err
}

func (b *bridge) raise(h *netlink.Handle, n *Network) (netlink.Link, error) {
	link, err := h.LinkByName(n.Interface)
	var missing netlink.LinkNotFoundError
	switch {
	case errors.As(err, &missing):
		if link, err = b.make(h, n); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, kernelError(n, "interface "+n.Interface, err)
	case link.Type() != "bridge" || !bytes.Equal(link.Attrs().HardwareAddr, hardwareOf(n)):
		return nil, errorf(errclass.Conflict, n.Name, "network %s: interface %s: it is somebody else's: %w", n.Name, n.Interface, errSubnet)
	}
	six := false
	for _, s := range n.Subnets {
		six = six || s.Subnet.Addr().Is6()
	}
	if err := quiet(n.Interface, six); err != nil {
		return nil, err
	}
	for _, s := range n.Subnets {
		p := netip.PrefixFrom(s.Gateway, s.Subnet.Bits())
		if err := h.AddrReplace(link, address(p)); err != nil {
			return nil, kernelError(n, "address "+p.String(), err)
		}
	}
	if n.VLAN != 0 {
		if err := tag(h, link, n.VLAN, true); err != nil {
			return nil, kernelError(n, fmt.Sprintf("vlan %d", n.VLAN), err)
		}
	}
	if err := forward(six); err != nil {
		return nil, err
	}
	if err := h.LinkSetUp(link); err != nil {
		return nil, kernelError(n, "interface "+n.Interface, err)
	}
	return link, kernelError(n, "interface "+n.Interface, h.LinkSetAlias(link, b.alias(n.ID)))
}

func (b *bridge) make(h *netlink.Handle, n *Network) (netlink.Link, error) {
	used, err := usedPrefixes(n.Interface)
	if err != nil {
		return nil, err
	}
	for _, s := range n.Subnets {
		if by := overlapping(used, s.Subnet); by != "" {
			return nil, errorf(errclass.Conflict, n.Name, "network %s: %w: %s is %s", n.Name, errSubnet, s.Subnet, by)
		}
	}
	link := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: n.Interface, HardwareAddr: hardwareOf(n), MTU: n.MTU, TxQLen: -1}}
	if n.VLAN != 0 {
		on := true
		link.VlanFiltering = &on
	}
	if err := h.LinkAdd(link); err != nil {
		return nil, kernelError(n, "bridge "+n.Interface, err)
	}
	made, err := h.LinkByName(n.Interface)
	return made, kernelError(n, "bridge "+n.Interface, err)
}

// forward has the host pass packets on between its interfaces.
func forward(six bool) error {
	if err := setSysctl("net/ipv4/ip_forward", "1"); err != nil {
		return err
	}
	if !six || getSysctl("net/ipv6/conf/all/forwarding") == "1" {
		return nil
	}
	// A host that forwards does not listen to routers any more: who gets its own
	// address and route from one would lose them.
	there, err := interfaces()
	if err != nil {
		return err
	}
	for name := range there {
		if getSysctl("net/ipv6/conf/"+name+"/accept_ra") == "1" && !strings.HasPrefix(name, "tug") {
			if err := setSysctl("net/ipv6/conf/"+name+"/accept_ra", "2"); err != nil {
				return err
			}
		}
	}
	return setSysctl("net/ipv6/conf/all/forwarding", "1")
}

// cut removes a container's interfaces from a namespace that stays.
func (b *bridge) cut(j *Joined) error {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer h.Close()
	return removeLink(h, b.hostName(j))
}

// removeLink removes an interface, if it is there.
func removeLink(h *netlink.Handle, name string) error {
	link, err := h.LinkByName(name)
	if err == nil {
		err = h.LinkDel(link)
	}
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EINVAL) {
		return nil // or it just goes by itself
	}
	return err
}

// Drop removes the bridge.
func (b *bridge) Drop(_ context.Context, n *Network) error {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return kernelError(n, "netlink", err)
	}
	defer h.Close()
	link, err := h.LinkByName(n.Interface)
	if err != nil || link.Type() != "bridge" || !bytes.Equal(link.Attrs().HardwareAddr, hardwareOf(n)) {
		return b.forget(n) // it is not there, or it is another
	}
	if err := b.forget(n); err != nil {
		return err
	}
	return kernelError(n, "remove bridge "+n.Interface, removeLink(h, n.Interface))
}

func sysctlPath(key string) string { return "/proc/sys/" + key }

func hasSysctl(key string) bool {
	_, err := os.Stat(sysctlPath(key))
	return err == nil
}

func getSysctl(key string) string {
	data, _ := os.ReadFile(sysctlPath(key)) // what is not there is nothing
	return strings.TrimSpace(string(data))
}

// setSysctl sets a parameter of the kernel that has another value.
func setSysctl(key, value string) error {
	if getSysctl(key) == value {
		return nil
	}
	if err := os.WriteFile(sysctlPath(key), []byte(value), 0); err != nil {
		name := strings.ReplaceAll(key, "/", ".")
		return errorf(errclass.Unsupported, name, "kernel parameter %s=%s cannot be set: %w", name, value, err)
	}
	return nil
}
