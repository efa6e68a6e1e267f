// SPDX-License-Identifier: Apache-2.0

package network

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
)

// ParsePort reads [[IP:][HOSTPORTS]:]PORTS[/PROTOCOL], as --publish has it. PORTS
// may be a range, N-M; without HOSTPORTS they are chosen. An IPv6 address stands in
// brackets.
func ParsePort(s string) (Port, error) {
	p, err := parsePort(s)
	if err != nil {
		return p, errorf(errclass.Usage, s, "port %q: %w", shorten(s), err)
	}
	return p, nil
}

func parsePort(s string) (p Port, err error) {
	rest, protocol, named := strings.Cut(s, "/")
	if p.Protocol, err = parseProtocol(protocol, named); err != nil {
		return p, err
	}
	ports := rest
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		ports, rest = rest[i+1:], rest[:i]
	} else {
		rest = ""
	}
	if p.Container, p.Range, err = parseRange(ports); err != nil {
		return p, err
	}
	host := rest
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.HasSuffix(rest, "]") {
		host = rest[i+1:]
		if p.HostIP, err = parseHostIP(rest[:i]); err != nil {
			return p, err
		}
	} else if strings.HasPrefix(rest, "[") {
		return p, fmt.Errorf("not [[IP:][HOSTPORT]:]PORT[/PROTOCOL]")
	}
	if host == "" {
		return p, nil
	}
	n := uint16(0)
	if p.Host, n, err = parseRange(host); err == nil && n != p.Range {
		err = fmt.Errorf("%d ports of the host for %d of the container", n, p.Range)
	}
	return p, err
}

func parseHostIP(s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, nil
	}
	inner, bracketed := strings.CutPrefix(s, "[")
	if bracketed {
		inner, bracketed = strings.CutSuffix(inner, "]")
	}
	a, err := netip.ParseAddr(inner)
	if err != nil || a.Is6() != bracketed || a.Is4In6() || a.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("%q is not an address", shorten(s))
	}
	return a, nil
}

func parseProtocol(s string, named bool) (string, error) {
	switch s = strings.ToLower(s); {
	case !named, s == "tcp":
		return "tcp", nil
	case s == "udp", s == "sctp":
		return s, nil
	}
	return "", fmt.Errorf("protocol %q: must be tcp, udp or sctp", shorten(s))
}

// parseRange reads N or N-M, and gives the first and how many.
func parseRange(s string) (first, count uint16, err error) {
	low, high, isRange := strings.Cut(s, "-")
	if !isRange {
		high = low
	}
	a, aerr := strconv.ParseUint(low, 10, 16)
	b, berr := strconv.ParseUint(high, 10, 16)
	if aerr != nil || berr != nil || a == 0 || b < a || b-a+1 > portsLimit {
		return 0, 0, fmt.Errorf("%q is not a port from 1 to 65535, nor a range of at most %d", shorten(s), portsLimit)
	}
	return uint16(a), uint16(b - a + 1), nil
}

// portsLimit is how many ports one range has at most: each is an element of a
// map, and for a moment a socket.
const portsLimit = 10000

// ParseExposed reads PORTS[/PROTOCOL], as images and --expose have it.
func ParseExposed(s string) (Port, error) {
	ports, protocol, named := strings.Cut(s, "/")
	var p Port
	var err error
	if p.Protocol, err = parseProtocol(protocol, named); err == nil {
		p.Container, p.Range, err = parseRange(ports)
	}
	if err != nil {
		return p, errorf(errclass.Usage, s, "port %q: %w", shorten(s), err)
	}
	return p, nil
}

// Covers tells whether all of the container's ports of another are among its own.
func (p Port) Covers(o Port) bool {
	return p.protocol() == o.protocol() && p.Container <= o.Container &&
		int(o.Container)+int(o.count()) <= int(p.Container)+int(p.count())
}

// ParseAttachment reads NAME[:OPTION,...], as --network has it: ip=, ip6=, mac=,
// interface_name= and alias=, which may be repeated.
func ParseAttachment(s string) (Attachment, error) {
	name, options, _ := strings.Cut(s, ":")
	a := Attachment{Network: name}
	bad := func(format string, args ...any) (Attachment, error) {
		return a, errorf(errclass.Usage, s, "network %q: %w", shorten(s), fmt.Errorf(format, args...))
	}
	if !validName(name) {
		return bad("%q is not the name of a network", shorten(name))
	}
	for option := range strings.SplitSeq(options, ",") {
		key, value, _ := strings.Cut(option, "=")
		if option == "" {
			continue
		}
		if value == "" {
			return bad("%q has no value", shorten(option))
		}
		switch key {
		case "ip", "ip6":
			ip, err := netip.ParseAddr(value)
			if err != nil || ip.Zone() != "" || ip.Is4In6() || key == "ip6" && ip.Is4() {
				return bad("%q is not an address", shorten(value))
			}
			if ip.Is4() {
				a.IP = ip
			} else {
				a.IP6 = ip
			}
		case "mac":
			a.MAC = value
		case "interface_name":
			a.Interface = value
		case "alias":
			a.Aliases = append(a.Aliases, value)
		default:
			return bad("option %q: must be ip=, ip6=, mac=, alias= or interface_name=", shorten(option))
		}
	}
	return a, a.Check()
}

// Check refuses what makes no sense whatever the network.
func (a *Attachment) Check() error {
	if a.Interface != "" && (!validInterface(a.Interface) || a.Interface == "lo") {
		return errorf(errclass.Usage, a.Interface, "interface name %q: it cannot be used in the container", shorten(a.Interface))
	}
	for _, alias := range a.Aliases {
		if !validAlias(alias) {
			return errorf(errclass.Usage, alias, "network alias %q: not a name", shorten(alias))
		}
	}
	if a.MAC != "" {
		_, err := hardware(a.MAC, nil)
		return err
	}
	return nil
}

// validAlias accepts what can be the name of a host.
func validAlias(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if len(label) > 63 || !validName(label) {
			return false
		}
	}
	return true
}
