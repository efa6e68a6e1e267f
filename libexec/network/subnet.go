// SPDX-License-Identifier: Apache-2.0

package network

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
)

// Pool is where subnets of one size come from.
type Pool struct {
	Base netip.Prefix
	Bits int
}

// Ours are not podman's (10.88.0.0/16 and what follows): its networks are not seen
// as long as nothing is on them, and two bridges with one subnet work for nobody.
var (
	defaultPools = []Pool{
		{netip.MustParsePrefix("10.187.0.0/16"), 16}, {netip.MustParsePrefix("10.188.0.0/15"), 16},
		{netip.MustParsePrefix("172.29.0.0/16"), 16}, {netip.MustParsePrefix("192.168.192.0/18"), 20},
	}
	otherPools = []Pool{
		{netip.MustParsePrefix("10.190.0.0/15"), 24}, {netip.MustParsePrefix("172.30.0.0/16"), 24}, {netip.MustParsePrefix("192.168.128.0/18"), 24},
	}
)

// complete fills in what a definition leaves open, and refuses what cannot be.
func (s *Set) complete(n *Network, all []Network) error {
	if n.Driver != Bridge && n.Driver != Macvlan {
		return errorf(errclass.Unsupported, n.Driver, "network driver %s: must be bridge or macvlan", shorten(n.Driver))
	}
	if err := n.check(); err != nil {
		return err
	}
	n.Chosen = n.Interface == "" && len(n.Subnets) == 0
	if n.Driver != Bridge {
		return completeMacvlan(n)
	}
	if err := chooseInterface(n, all); err != nil {
		return err
	}
	used, err := usedPrefixes(n.Interface)
	if err != nil {
		return err
	}
	for _, other := range all {
		for _, sub := range other.Subnets {
			used = append(used, place{sub.Subnet, "network " + other.Name})
		}
	}
	var have4, have6 bool
	for i := range n.Subnets {
		p := n.Subnets[i].Subnet
		have4, have6 = have4 || p.Addr().Is4(), have6 || p.Addr().Is6()
		if by := overlapping(used, p); by != "" {
			return errorf(errclass.Conflict, n.Name, "network %s: subnet %s is used by %s", n.Name, p, by)
		}
	}
	if !have4 && !have6 && !n.NoAddresses {
		p, err := s.freeSubnet(n, used)
		if err != nil {
			return err
		}
		n.Subnets, have4 = append(n.Subnets, Subnet{Subnet: p}), true
	}
	if n.IPv6 && !have6 && !n.NoAddresses {
		n.Subnets = append(n.Subnets, Subnet{Subnet: uniqueLocal()})
		have6 = true
	}
	n.IPv6 = have6
	for i := range n.Subnets {
		if sub := &n.Subnets[i]; !sub.Gateway.IsValid() {
			sub.Gateway = sub.Subnet.Addr().Next()
		}
	}
	return nil
}

// chooseInterface gives the bridge a name that nobody has.
func chooseInterface(n *Network, all []Network) error {
	there, err := interfaces()
	if err != nil {
		return err
	}
	taken := func(name string) bool {
		return there[name] || slices.ContainsFunc(all, func(o Network) bool { return o.Interface == name })
	}
	if n.Interface != "" {
		if taken(n.Interface) {
			return errorf(errclass.Conflict, n.Name, "network %s: interface %s is there already", n.Name, n.Interface)
		}
		return nil
	}
	for i := range 10000 {
		if name := fmt.Sprintf("tug%d", i); !taken(name) {
			n.Interface = name
			return nil
		}
	}
	return errorf(errclass.Conflict, n.Name, "network %s: no free name for its interface", n.Name)
}

// interfaces are those of the host.
func interfaces() (map[string]bool, error) {
	data, err := os.ReadFile("/proc/thread-self/net/dev")
	there := map[string]bool{}
	for line := range bytes.Lines(data) {
		if name, _, ok := strings.Cut(string(line), ":"); ok {
			there[strings.TrimSpace(name)] = true
		}
	}
	return there, err
}

func (s *Set) freeSubnet(n *Network, used []place) (netip.Prefix, error) {
	pools := slices.Concat(s.o.Pools, otherPools)
	if n.Name == s.o.Default {
		pools = slices.Concat(defaultPools, pools)
	}
	for _, pool := range pools {
		if p := pool.free(used); p.IsValid() {
			return p, nil
		}
	}
	return netip.Prefix{}, errorf(errclass.Conflict, n.Name, "network %s: %w: say which with --subnet", n.Name, ErrNoSubnet)
}

// free gives the first subnet of a pool that has nothing in common with others.
func (p Pool) free(used []place) netip.Prefix {
	if !p.Base.Addr().Is4() || p.Bits < p.Base.Bits() || p.Bits > 30 {
		return netip.Prefix{}
	}
	at := p.Base.Masked().Addr()
	for range min(1<<(p.Bits-p.Base.Bits()), 1<<16) {
		sub := netip.PrefixFrom(at, p.Bits)
		if overlapping(used, sub) == "" {
			return sub
		}
		if at = last(sub).Next(); !at.IsValid() {
			break
		}
	}
	return netip.Prefix{}
}

// uniqueLocal is an IPv6 subnet of nobody else's, as RFC 4193 has it.
func uniqueLocal() netip.Prefix {
	a := [16]byte{0: 0xfd}
	_, _ = rand.Read(a[1:8]) // it does not fail
	return netip.PrefixFrom(netip.AddrFrom16(a), 64)
}

// place is addresses that somebody has.
type place struct {
	prefix netip.Prefix
	by     string
}

func overlapping(used []place, p netip.Prefix) string {
	for _, u := range used {
		if u.prefix.Overlaps(p) {
			return u.by
		}
	}
	return ""
}

// usedPrefixes are the destinations of the host's routes, but for the default
// ones and those of one interface. That of an interface which is up is one.
func usedPrefixes(except string) ([]place, error) {
	used, err := routes4(except)
	if err != nil {
		return nil, err
	}
	six, err := routes6(except)
	return append(used, six...), err
}

func routes4(except string) ([]place, error) {
	data, err := os.ReadFile("/proc/thread-self/net/route")
	if err != nil {
		return nil, err
	}
	var used []place
	for line := range bytes.Lines(data) {
		f := strings.Fields(string(line))
		if len(f) < 8 || f[0] == "Iface" || f[0] == except {
			continue
		}
		dst, derr := hex.DecodeString(f[1])
		mask, merr := hex.DecodeString(f[7])
		if derr != nil || merr != nil || len(dst) != 4 || len(mask) != 4 {
			continue
		}
		// The kernel prints them in the order of the host.
		bits := 0
		for _, b := range nativeOrder(mask) {
			for ; b&0x80 != 0; b <<= 1 {
				bits++
			}
		}
		if bits > 0 {
			used = append(used, place{netip.PrefixFrom(netip.AddrFrom4([4]byte(nativeOrder(dst))), bits), "the host's route by " + f[0]})
		}
	}
	return used, nil
}

func routes6(except string) ([]place, error) {
	data, err := os.ReadFile("/proc/thread-self/net/ipv6_route")
	if os.IsNotExist(err) {
		return nil, nil // a kernel without IPv6
	} else if err != nil {
		return nil, err
	}
	var used []place
	for line := range bytes.Lines(data) {
		f := strings.Fields(string(line))
		if len(f) < 10 || f[9] == except || f[9] == "lo" {
			continue
		}
		dst, derr := hex.DecodeString(f[0])
		bits, berr := hex.DecodeString(f[1])
		if derr != nil || berr != nil || len(dst) != 16 || len(bits) != 1 || bits[0] == 0 {
			continue
		}
		a := netip.AddrFrom16([16]byte(dst))
		if !a.IsLinkLocalUnicast() && !a.IsMulticast() {
			used = append(used, place{netip.PrefixFrom(a, int(bits[0])), "the host's route by " + f[9]})
		}
	}
	return used, nil
}

// nativeOrder turns four bytes of the host's order into those of the network's.
func nativeOrder(b []byte) []byte {
	return binary.BigEndian.AppendUint32(nil, binary.NativeEndian.Uint32(b))
}
