// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// TestRemoveAgainstJoin has a network removed between the look at it and the joining,
// and the other way round.
func TestRemoveAgainstJoin(t *testing.T) {
	s := Open(Options{Dir: t.TempDir(), RunDir: t.TempDir()})
	macvlan := Network{Name: "web", Driver: Macvlan, Interface: "lo", NoAddresses: true}
	n := mustCreate(t, s, macvlan)
	j := Joined{Format: format, Network: "web", Container: Container{ID: idOf("a")}}
	if err := s.Remove(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if err := s.announce(t.Context(), &n, &j); !errors.Is(err, ErrUnknown) {
		t.Errorf("join after the removal: %v", err)
	}
	again := mustCreate(t, s, macvlan)
	if err := s.announce(t.Context(), &n, &j); !errors.Is(err, ErrUnknown) {
		t.Errorf("join after it was made again: %v", err)
	}
	if err := s.announce(t.Context(), &again, &j); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), "web"); !errors.Is(err, ErrInUse) {
		t.Errorf("removal after the join: %v", err)
	}
}

// TestFlows: what is to a container's ports is forgotten, and nothing else.
func TestFlows(t *testing.T) {
	f := &flows{
		ports: []Port{{Host: 53, Container: 53, Protocol: "udp", Range: 2}, {Host: 80, Container: 80, Protocol: "tcp"}, {HostIP: netip.MustParseAddr("192.0.2.7"), Host: 99, Protocol: "udp"}},
		own:   []netip.Addr{netip.MustParseAddr("10.0.0.2")},
		host:  []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("192.0.2.8"), netip.MustParseAddr("2001:db8::1")},
	}
	for _, tc := range []struct {
		protocol uint8
		to       string
		port     uint16
		from     string // of the answers
		want     bool
	}{
		{unix.IPPROTO_UDP, "192.0.2.8", 53, "192.0.2.8", true},
		{unix.IPPROTO_UDP, "192.0.2.8", 54, "10.0.0.9", true},
		{unix.IPPROTO_UDP, "127.0.0.1", 53, "127.0.0.1", true},
		{unix.IPPROTO_UDP, "2001:db8::1", 53, "2001:db8::1", true},
		{unix.IPPROTO_UDP, "192.0.2.200", 53, "10.0.0.2", true}, // an address that the host had
		{unix.IPPROTO_UDP, "192.0.2.8", 55, "192.0.2.8", false},
		{unix.IPPROTO_UDP, "198.51.100.1", 53, "198.51.100.1", false}, // somebody asks a name server
		{unix.IPPROTO_TCP, "192.0.2.8", 53, "10.0.0.2", false},
		{unix.IPPROTO_UDP, "192.0.2.8", 80, "10.0.0.2", false},
		{unix.IPPROTO_UDP, "192.0.2.7", 99, "192.0.2.7", true},
		{unix.IPPROTO_UDP, "192.0.2.8", 99, "10.0.0.3", false}, // another's port, at another address
	} {
		flow := &netlink.ConntrackFlow{
			Forward: netlink.IPTuple{Protocol: tc.protocol, DstIP: net.ParseIP(tc.to), DstPort: tc.port},
			Reverse: netlink.IPTuple{Protocol: tc.protocol, SrcIP: net.ParseIP(tc.from)},
		}
		if got := f.MatchConntrackFlow(flow); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}
