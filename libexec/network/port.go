// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/errclass"
)

func (p *Port) count() uint16 { return max(p.Range, 1) }

// number is the protocol's.
func (p *Port) number() byte {
	switch p.Protocol {
	case "udp":
		return unix.IPPROTO_UDP
	case "sctp":
		return unix.IPPROTO_SCTP
	}
	return unix.IPPROTO_TCP
}

func (p *Port) protocol() string {
	if p.Protocol == "" {
		return "tcp"
	}
	return p.Protocol
}

// String is as in 127.0.0.1:8080/tcp.
func (p Port) String() string {
	s := strconv.Itoa(int(p.Host))
	if p.Range > 1 {
		s += "-" + strconv.Itoa(int(p.Host)+int(p.Range)-1)
	}
	if p.HostIP.IsValid() {
		s = net.JoinHostPort(p.HostIP.String(), s)
	}
	return s + "/" + p.protocol()
}

// portTaken says that somebody has a port of the host.
type portTaken struct {
	port Port // one port, or none that is known
	err  error
}

func (e *portTaken) Error() string { return e.err.Error() }
func (e *portTaken) Unwrap() error { return e.err }

// claimed are ports of the host that nobody else has, as long as it is open.
type claimed struct {
	list []Port
	fds  []int
}

func (c *claimed) close() {
	for _, fd := range c.fds {
		unix.Close(fd)
	}
}

// claimPorts takes ports, as a program would that listens there: one that does
// already has not lost its clients then. Ports of the host that are 0 are chosen.
func claimPorts(ports []Port) (*claimed, error) {
	c := &claimed{}
	for _, p := range ports {
		var err error
		if p.Protocol = p.protocol(); p.Host == 0 {
			p, err = c.choose(p)
		} else {
			err = c.claim(p)
		}
		if err != nil {
			c.close()
			return &claimed{}, err
		}
		c.list = append(c.list, p)
	}
	return c, nil
}

// mappable refuses what the kernel's address translation cannot do.
func mappable(ports []Port) error {
	for _, p := range ports {
		if p.HostIP == netip.IPv6Loopback() {
			return errorf(errclass.Unsupported, p.String(), "port %s: the kernel leads nothing from ::1 to another address: 127.0.0.1 can be had", p)
		}
	}
	return nil
}

// choose finds free ports, one after the other.
func (c *claimed) choose(p Port) (Port, error) {
	var err error
	for range 50 {
		fd, port, berr := bind(p, p.addresses()[0], 0)
		if berr != nil {
			return p, berr
		}
		unix.Close(fd)
		if p.Host = port; int(port)+int(p.count()) > 65536 {
			continue
		}
		before := len(c.fds)
		if err = c.claim(p); err == nil {
			return p, nil
		}
		for _, fd := range c.fds[before:] {
			unix.Close(fd)
		}
		c.fds = c.fds[:before]
	}
	return p, err
}

func (c *claimed) claim(p Port) error {
	for i := range p.count() {
		for _, at := range p.addresses() {
			fd, _, err := bind(p, at, p.Host+i)
			switch {
			case err == nil:
				c.fds = append(c.fds, fd)
			case errors.Is(err, errNoSocket), at != p.HostIP && (errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL)):
				// The kernel can lead packets there that no program of the host can
				// receive.
			case errors.Is(err, unix.EADDRINUSE):
				p.Host, p.Range = p.Host+i, 1
				return &portTaken{port: p, err: err}
			case errors.Is(err, unix.EACCES):
				return errorf(errclass.Usage, p.String(), "port %s: ordinary users have those from %s on: "+
					"sysctl -w net.ipv4.ip_unprivileged_port_start=%d gives them this one", p, portStart(), p.Host)
			case errors.Is(err, unix.EADDRNOTAVAIL):
				return errorf(errclass.Usage, p.String(), "port %s: the host has no such address", p)
			default:
				return errorf(errclass.Internal, p.String(), "port %s: %w", p, err)
			}
		}
	}
	return nil
}

// portStart is the first port that needs no privilege.
func portStart() string {
	data, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil {
		return "1024"
	}
	return strings.TrimSpace(string(data))
}

// addresses are those of the host that a port is of.
func (p *Port) addresses() []netip.Addr {
	if p.HostIP.IsValid() {
		return []netip.Addr{p.HostIP}
	}
	return []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
}

// errNoSocket says that the kernel has no sockets of a protocol.
var errNoSocket = errors.New("no such sockets")

// bind gives a socket that has a port; of 0, any that is free.
func bind(p Port, at netip.Addr, port uint16) (fd int, got uint16, err error) {
	family, kind := unix.AF_INET, unix.SOCK_STREAM
	var where unix.Sockaddr = &unix.SockaddrInet4{Port: int(port)}
	if at.Is6() {
		family, where = unix.AF_INET6, &unix.SockaddrInet6{Port: int(port), Addr: at.As16()}
	} else {
		where = &unix.SockaddrInet4{Port: int(port), Addr: at.As4()}
	}
	if p.Protocol == "udp" {
		kind = unix.SOCK_DGRAM
	}
	fd, err = unix.Socket(family, kind|unix.SOCK_CLOEXEC, int(p.number()))
	if errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.ESOCKTNOSUPPORT) {
		return -1, 0, errNoSocket
	} else if err != nil {
		return -1, 0, err
	}
	err = func() error {
		if at.Is6() {
			if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
				return err
			}
		}
		if kind == unix.SOCK_STREAM {
			// Connections that have ended are nobody's.
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
				return err
			}
		}
		if err := unix.Bind(fd, where); err != nil || kind == unix.SOCK_DGRAM {
			return err
		}
		return unix.Listen(fd, 1)
	}()
	if err == nil {
		var name unix.Sockaddr
		name, err = unix.Getsockname(fd)
		switch name := name.(type) {
		case *unix.SockaddrInet4:
			got = uint16(name.Port)
		case *unix.SockaddrInet6:
			got = uint16(name.Port)
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, 0, err
	}
	return fd, got, nil
}

// holder says who has a port that is taken.
func holder(runDir string, err error, j *Joined) error {
	var taken *portTaken
	if !errors.As(err, &taken) {
		return err
	}
	what, who := "a port", ""
	if taken.port.Host != 0 {
		what, who = "port "+taken.port.String(), processWith(taken.port)
	}
	for _, other := range all(runDir) {
		if other.Container.ID == j.Container.ID {
			continue
		}
		for _, p := range other.Container.Ports {
			if p.meets(taken.port, j.Container.Ports) {
				return errorf(errclass.Conflict, p.String(), "port %s of the host: %w: container %s has it", p, ErrPort, other.Container.name())
			}
		}
	}
	if who != "" {
		who = ": " + who + " has it"
	}
	return errorf(errclass.Conflict, what, "%s of the host: %w%s", what, ErrPort, who)
}

// meets tells whether ports have one in common with another, or with those of a
// list where that is not known.
func (p *Port) meets(one Port, list []Port) bool {
	if one.Host != 0 {
		list = []Port{one}
	}
	for _, o := range list {
		apart := p.HostIP.IsValid() && o.HostIP.IsValid() && p.HostIP != o.HostIP && !p.HostIP.IsUnspecified() && !o.HostIP.IsUnspecified()
		if p.protocol() == o.protocol() && !apart && int(p.Host) < int(o.Host)+int(o.count()) && int(o.Host) < int(p.Host)+int(p.count()) {
			return true
		}
	}
	return false
}

func (c *Container) name() string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID
}

// forgetFlows has the kernel forget what it knows of the ports of a container
// that have no connections: it would go on leading packets where they went.
func forgetFlows(j *Joined) error {
	h, err := netlink.NewHandle(unix.NETLINK_NETFILTER)
	if err != nil {
		return fmt.Errorf("connection tracking: %w", err)
	}
	defer h.Close()
	f, err := newFlows(j)
	if err != nil {
		return err
	}
	for _, family := range []netlink.InetFamily{unix.AF_INET, unix.AF_INET6} {
		err := uninterrupted(func() error {
			_, err := h.ConntrackDeleteFilters(netlink.ConntrackTable, family, f)
			return err
		})
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("connection tracking: %w", err)
		}
	}
	return nil
}

// flows are those to the ports of a container, and not what others ask elsewhere at
// ports of the same numbers.
type flows struct {
	ports []Port
	own   []netip.Addr // the container's
	host  []netip.Addr // the host's
}

func newFlows(j *Joined) (*flows, error) {
	f := &flows{ports: j.Container.Ports}
	for _, p := range j.Addresses {
		f.own = append(f.own, p.Addr())
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("addresses of the host: %w", err)
	}
	for _, address := range addresses {
		if p, err := netip.ParsePrefix(address.String()); err == nil {
			f.host = append(f.host, p.Addr().WithZone(""))
		}
	}
	return f, nil
}

// MatchConntrackFlow is what the netlink library asks.
func (f *flows) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	if flow.Forward.Protocol != unix.IPPROTO_UDP {
		return false
	}
	to, _ := netip.AddrFromSlice(flow.Forward.DstIP)
	from, _ := netip.AddrFromSlice(flow.Reverse.SrcIP)
	return slices.ContainsFunc(f.ports, func(p Port) bool {
		if p.Protocol != "udp" || flow.Forward.DstPort < p.Host || flow.Forward.DstPort-p.Host >= p.count() {
			return false
		}
		return slices.Contains(f.own, from.Unmap()) || f.listens(&p, to.Unmap())
	})
}

// listens tells whether a port is one of an address.
func (f *flows) listens(p *Port, to netip.Addr) bool {
	if p.HostIP.IsValid() && !p.HostIP.IsUnspecified() {
		return p.HostIP == to
	}
	return to.IsLoopback() || slices.Contains(f.host, to)
}
