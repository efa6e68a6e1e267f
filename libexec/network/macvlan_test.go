// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/tug-containers/tug/internal/errclass"
)

// lan is a network on the cable to another host.
func lan(t *testing.T, s *Set) Network {
	t.Helper()
	subnet := Subnet{Subnet: netip.MustParsePrefix("198.51.100.0/24"), LeaseRange: &Range{
		Start: netip.MustParseAddr("198.51.100.16"), End: netip.MustParseAddr("198.51.100.31"),
	}}
	n, err := s.Create(t.Context(), Network{Name: "lan", Driver: Macvlan, Interface: "cable0", Subnets: []Subnet{subnet}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMacvlan(t *testing.T) {
	s := host(t)
	far := outside(t, s)
	lan(t, s)
	on, err := s.Setup(t.Context(), Container{ID: idOf("a"), Name: "a"}, []Attachment{{Network: "lan", MAC: "02:00:00:00:00:07"}})
	if errors.Is(err, errclass.Unsupported) {
		t.Skip("needs a kernel with macvlan: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	a := on[0]
	b := mustSetup(t, s, Container{ID: idOf("b"), Name: "b"}, Attachment{Network: "lan"})[0]
	if a.MAC != "02:00:00:00:00:07" || a.Addresses[0].Addr() == b.Addresses[0].Addr() {
		t.Errorf("joined: %+v, %+v", a, b)
	}
	serve(t, far, "tcp", ":80")
	serve(t, a.Netns, "tcp", ":80")
	mustAsk(t, a.Netns, "tcp", "198.51.100.2:80", a.Addresses[0].Addr().String())
	mustAsk(t, far, "tcp", a.Addresses[0].Addr().String()+":80", "198.51.100.2")
	mustAsk(t, b.Netns, "tcp", a.Addresses[0].Addr().String()+":80", b.Addresses[0].Addr().String())
	if err := s.Leave(t.Context(), idOf("b"), "lan"); err != nil {
		t.Error(err)
	}
	if _, err := ask(b.Netns, "tcp", "198.51.100.2:80"); err == nil {
		t.Error("it is still on the network")
	}
	if err := s.Reload(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestMacvlanCannot refuses what macvlan has not, and leaves nothing.
func TestMacvlanCannot(t *testing.T) {
	s := host(t)
	outside(t, s)
	lan(t, s)
	_, err := s.Setup(t.Context(), Container{ID: idOf("a"), Ports: []Port{{Host: 8080, Container: 80}}}, []Attachment{{Network: "lan"}})
	if !errors.Is(err, errclass.Unsupported) || isNamespace(s.NetnsPath(idOf("a"))) {
		t.Errorf("a port: %v", err)
	}
	for _, n := range []Network{
		{Name: "x", Driver: Macvlan, Interface: "cable0"},
		{Name: "x", Driver: Macvlan, Interface: "none0", NoAddresses: true},
		{Name: "x", Driver: Macvlan, Interface: "cable0", NoAddresses: true, VLAN: 7},
		{Name: "x", Driver: "ipvlan"},
		{Name: "x", Driver: "cni"},
	} {
		if _, err := s.Create(t.Context(), n); err == nil || !strings.Contains(err.Error(), n.Driver) && !strings.Contains(err.Error(), "network x") {
			t.Errorf("%+v: %v", n, err)
		}
	}
}
