// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/nftables"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func mustNotAsk(t *testing.T, path, network, address string) {
	t.Helper()
	if answer, err := ask(path, network, address); err == nil {
		t.Errorf("%s from %q: %q; want nothing", address, path, answer)
	}
}

func TestIPv6(t *testing.T) {
	s := host(t)
	if !hasSysctl("net/ipv6/conf/lo") {
		t.Skip("needs IPv6 in the kernel")
	}
	far := outside(t, s)
	mustCreate(t, s, Network{Name: "six", IPv6: true})
	a := mustSetup(t, s, Container{ID: idOf("a"), Ports: []Port{{Host: 8080, Container: 80}, {HostIP: netip.MustParseAddr("2001:db8::1"), Host: 8081, Container: 80}, {Host: 8080, Container: 80, Protocol: "udp"}}}, Attachment{Network: "six"})[0]
	b := mustSetup(t, s, Container{ID: idOf("b")}, Attachment{Network: "six"})[0]
	serve(t, a.Netns, "tcp", ":80")
	serve(t, a.Netns, "udp", ":80")
	serve(t, far, "tcp", ":81")
	own, peer, gateway := a.Addresses[1].Addr().String(), b.Addresses[1].Addr().String(), a.Gateways[1].String()
	for _, network := range []string{"tcp", "udp"} {
		mustAsk(t, b.Netns, network, net.JoinHostPort(own, "80"), peer)
		mustAsk(t, "", network, net.JoinHostPort(own, "80"), gateway)
		mustAsk(t, "", network, "[2001:db8::1]:8080", "")
		mustAsk(t, "", network, "127.0.0.1:8080", "")
		mustAsk(t, far, network, "[2001:db8::1]:8080", "2001:db8::2")
		mustAsk(t, b.Netns, network, net.JoinHostPort(gateway, "8080"), gateway)
		mustAsk(t, a.Netns, network, net.JoinHostPort(gateway, "8080"), gateway)
	}
	mustAsk(t, "", "tcp", "[2001:db8::1]:8081", "")
	mustNotAsk(t, far, "tcp", net.JoinHostPort(gateway, "8081"))
	// Not led there, it is refused at once: who tries 127.0.0.1 next does not wait.
	if _, err := ask("", "tcp", "[::1]:8080"); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("by ::1: %v", err)
	}
	if _, err := s.Setup(t.Context(), Container{ID: idOf("c"), Ports: []Port{{HostIP: netip.IPv6Loopback(), Host: 8082, Container: 80}}}, []Attachment{{Network: "six"}}); !errors.Is(err, errclass.Unsupported) {
		t.Errorf("a port of ::1: %v", err)
	}
	mustAsk(t, b.Netns, "tcp", "[2001:db8::2]:81", "2001:db8::1")
	if err := in(b.Netns, func() error {
		if got := getSysctl("net/ipv6/conf/eth0/accept_ra"); got != "0" {
			return fmt.Errorf("accept_ra is %q", got)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func TestIsolation(t *testing.T) {
	s := host(t)
	far := outside(t, s)
	ends := map[string]Joined{}
	for i, n := range []Network{{Name: "open"}, {Name: "one", Isolate: true}, {Name: "two", Isolate: true}, {Name: "alone", IsolateAll: true}, {Name: "inner", Internal: true}} {
		mustCreate(t, s, n)
		c := Container{ID: idOf(string(rune('a' + i))), Ports: []Port{{Host: uint16(8000 + i), Container: 80}}}
		ends[n.Name] = mustSetup(t, s, c, Attachment{Network: n.Name})[0]
		serve(t, ends[n.Name].Netns, "tcp", ":80")
	}
	serve(t, far, "tcp", ":80")
	for from, reached := range map[string]string{"open": "open one two", "one": "one open", "two": "two open", "alone": "alone", "inner": "inner"} {
		for to, j := range ends {
			address := j.Addresses[0].Addr().String() + ":80"
			if strings.Contains(" "+reached+" ", " "+to+" ") {
				mustAsk(t, ends[from].Netns, "tcp", address, "")
			} else {
				mustNotAsk(t, ends[from].Netns, "tcp", address)
			}
		}
		if from == "inner" {
			mustNotAsk(t, ends[from].Netns, "tcp", "198.51.100.2:80")
		} else {
			mustAsk(t, ends[from].Netns, "tcp", "198.51.100.2:80", "198.51.100.1")
		}
	}
	mustNotAsk(t, far, "tcp", "198.51.100.1:8004")
	mustAsk(t, far, "tcp", "198.51.100.1:8003", "198.51.100.2")
	mustAsk(t, "", "tcp", "127.0.0.1:8004", "")
	// route_localnet is no way to what listens on the host's loopback device.
	if err := in(ends["open"].Netns, func() error {
		h := handle(t)
		link, err := h.LinkByName("eth0")
		if err != nil {
			return err
		}
		lo, err := h.LinkByName("lo")
		if err != nil {
			return err
		}
		// Without its own 127.0.0.0/8 the container sends such packets out.
		return errors.Join(h.LinkSetDown(lo), setSysctl("net/ipv4/conf/eth0/route_localnet", "1"), setSysctl("net/ipv4/conf/all/route_localnet", "1"),
			h.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: ends["open"].Gateways[0].AsSlice(), Dst: &net.IPNet{IP: net.IPv4(127, 0, 0, 9), Mask: net.CIDRMask(32, 32)}}))
	}); err != nil {
		t.Error(err)
	}
	serve(t, "", "tcp", "127.0.0.9:9001")
	mustNotAsk(t, ends["open"].Netns, "tcp", "127.0.0.9:9001")
}

func TestSeveralNetworks(t *testing.T) {
	s := host(t)
	mustCreate(t, s, Network{Name: "a"})
	mustCreate(t, s, Network{Name: "b", MTU: 1400})
	on := mustSetup(t, s, Container{ID: idOf("a"), Ports: []Port{{Container: 80}}}, Attachment{Network: "a"}, Attachment{Network: "b", Interface: "lan0", MAC: "02:00:00:00:00:09"})
	if len(on) != 2 || on[0].Interface != "eth0" || on[1].Interface != "lan0" || on[0].Container.Ports[0].Host == 0 || on[1].Container.Ports != nil {
		t.Fatalf("%+v", on)
	}
	if err := in(on[0].Netns, func() error {
		h := handle(t)
		link, err := h.LinkByName("lan0")
		if err == nil && (link.Attrs().MTU != 1400 || link.Attrs().HardwareAddr.String() != "02:00:00:00:00:09") {
			err = fmt.Errorf("%+v", link.Attrs())
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	serve(t, on[0].Netns, "tcp", ":80")
	mustAsk(t, "", "tcp", fmt.Sprintf("127.0.0.1:%d", on[0].Container.Ports[0].Host), "")
	mustAsk(t, "", "tcp", on[1].Addresses[0].Addr().String()+":80", "")
	peer := mustSetup(t, s, Container{ID: idOf("b")}, Attachment{Network: "b"})[0]
	mustAsk(t, peer.Netns, "tcp", on[1].Addresses[0].Addr().String()+":80", peer.Addresses[0].Addr().String())
	if err := s.Remove(t.Context(), "b"); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	if err := s.Leave(t.Context(), idOf("a"), "b"); err != nil {
		t.Error(err)
	}
	if of, err := s.Of(idOf("a")); err != nil || len(of) != 1 {
		t.Errorf("%+v, %v", of, err)
	}
	if again := mustSetup(t, s, Container{ID: idOf("a")}, Attachment{Network: "b"}); len(again) != 2 || again[1].Interface != "eth1" {
		t.Errorf("%+v", again)
	}
}

func TestPorts(t *testing.T) {
	s := host(t)
	far := outside(t, s)
	a := mustSetup(t, s, Container{ID: idOf("a"), Name: "first", Ports: []Port{
		{Host: 8000, Container: 80, Range: 300}, {HostIP: netip.MustParseAddr("127.0.0.1"), Host: 9000, Container: 80}, {Host: 9001, Container: 81, Protocol: "sctp"},
	}})[0]
	serve(t, a.Netns, "tcp", ":80")
	serve(t, a.Netns, "tcp", ":379")
	mustAsk(t, far, "tcp", "198.51.100.1:8000", "198.51.100.2")
	mustAsk(t, far, "tcp", "198.51.100.1:8299", "198.51.100.2")
	mustAsk(t, "", "tcp", "127.0.0.1:9000", "")
	mustNotAsk(t, far, "tcp", "198.51.100.1:9000")
	serve(t, "", "tcp", "127.0.0.1:9100")
	for _, tc := range []struct {
		port Port
		want string
	}{
		{Port{Host: 8299, Container: 1}, "container first has it"}, {Port{HostIP: netip.MustParseAddr("198.51.100.1"), Host: 8000, Container: 1}, ""},
		{Port{Host: 9001, Container: 1, Protocol: "sctp"}, "container first has it"}, {Port{Host: 9100, Container: 1}, "process "},
		{Port{Host: 9099, Container: 1, Range: 2}, "port 9100/tcp"}, {Port{HostIP: netip.MustParseAddr("203.0.113.1"), Host: 1, Container: 1}, "no such address"},
	} {
		_, err := s.Setup(t.Context(), Container{ID: idOf("b"), Ports: []Port{tc.port}}, []Attachment{{Network: DefaultName}})
		if tc.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tc.port, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want %q", tc.port, err, tc.want)
		}
		if err := s.Teardown(t.Context(), idOf("b")); err != nil {
			t.Error(err)
		}
	}
	if left := elementsOf(t, s); left != 302 {
		t.Errorf("%d elements of ports, want 302", left)
	}
}

// elementsOf counts what containers have in the table.
func elementsOf(t *testing.T, s *Set) (n int) {
	t.Helper()
	b := newBridge(s.o.RunDir)
	f, err := b.firewall()
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if err := f.purge(func(string) bool { n++; return false }); err != nil {
		t.Fatal(err)
	}
	return n
}

// A firewall that was flushed, and a bridge that lost its address.
func TestReload(t *testing.T) {
	s := host(t)
	a := mustSetup(t, s, Container{ID: idOf("a"), Ports: []Port{{Host: 8080, Container: 80}}})[0]
	serve(t, a.Netns, "tcp", ":80")
	c, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	c.FlushRuleset()
	h := handle(t)
	bridge, err := h.LinkByName(a.Bridge)
	if err = errors.Join(err, c.Flush(), h.LinkSetDown(bridge), h.AddrDel(bridge, address(netip.PrefixFrom(a.Gateways[0], a.Addresses[0].Bits())))); err != nil {
		t.Fatal(err)
	}
	mustNotAsk(t, "", "tcp", "127.0.0.1:8080")
	for range 2 {
		if err := s.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		mustAsk(t, "", "tcp", "127.0.0.1:8080", "")
	}
	// What is gone cannot be removed, and is no error.
	c.FlushRuleset()
	if err := errors.Join(c.Flush(), s.Teardown(t.Context(), idOf("a"))); err != nil {
		t.Error(err)
	}
}

// Foreign rules stay, whatever we do.
func TestForeignRules(t *testing.T) {
	s := host(t)
	c, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	foreign := c.AddTable(&nftables.Table{Name: "foreign", Family: nftables.TableFamilyINet})
	chain := c.AddChain(&nftables.Chain{Name: "theirs", Table: foreign})
	c.AddRule(&nftables.Rule{Table: foreign, Chain: chain, Exprs: drop()})
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	mustSetup(t, s, Container{ID: idOf("a"), Ports: []Port{{Container: 80}}})
	err = errors.Join(s.Teardown(t.Context(), idOf("a")), s.Remove(t.Context(), DefaultName))
	if err != nil {
		t.Fatal(err)
	}
	tables, err := c.ListTables()
	if err != nil || len(tables) != 1 || tables[0].Name != "foreign" {
		t.Errorf("%d tables, %v", len(tables), err)
	}
	if rules, err := c.GetRules(foreign, chain); err != nil || len(rules) != 1 {
		t.Errorf("%d rules, %v", len(rules), err)
	}
	c.DelTable(foreign)
	if err := c.Flush(); err != nil {
		t.Error(err)
	}
}

// What killed processes leave is found without their records.
func TestPurge(t *testing.T) {
	s := host(t)
	a := mustSetup(t, s, Container{ID: idOf("a"), Ports: []Port{{Host: 8080, Container: 80}}})[0]
	mustSetup(t, s, Container{ID: idOf("b"), Ports: []Port{{Host: 8081, Container: 80}}})
	damaged := mustSetup(t, s, Container{ID: idOf("c"), Ports: []Port{{Host: 8082, Container: 80}}})[0]
	if err := errors.Join(os.Remove(s.joinedPath(DefaultName, idOf("a"))), os.WriteFile(s.joinedPath(DefaultName, idOf("c")), []byte("{"), 0o600)); err != nil {
		t.Fatal(err)
	}
	// A lock beside the networks is none of them.
	if err := os.WriteFile(s.runPath(".lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if ids, err := s.Holders(); err != nil || len(ids) != 3 {
		t.Errorf("%q, %v", ids, err)
	}
	if err := errors.Join(s.Purge(t.Context(), idOf("a")), s.Teardown(t.Context(), idOf("c"))); err != nil {
		t.Error(err)
	}
	gone(t, a.Host)
	gone(t, damaged.Host)
	owners, err := s.drivers[0].(*bridge).addresses(DefaultName).owners()
	if n := elementsOf(t, s); n != 1 || len(owners) != 1 || err != nil {
		t.Errorf("%d elements, %d addresses, %v; want those of b", n, len(owners), err)
	}
}

// Two stores that know nothing of each other choose the same, and both work.
func TestTwoStores(t *testing.T) {
	one, two := host(t), host(t)
	for _, s := range []*Set{one, two} {
		if _, err := s.Default(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	a := mustSetup(t, one, Container{ID: idOf("a"), Ports: []Port{{Container: 80}}})[0]
	b := mustSetup(t, two, Container{ID: idOf("b"), Ports: []Port{{Container: 80}}})[0]
	if a.Bridge == b.Bridge || a.Addresses[0].Overlaps(b.Addresses[0]) {
		t.Errorf("%s %s, %s %s", a.Bridge, a.Addresses, b.Bridge, b.Addresses)
	}
	serve(t, a.Netns, "tcp", ":80")
	mustAsk(t, b.Netns, "tcp", a.Addresses[0].Addr().String()+":80", "") // as if by the world
	mustCreate(t, one, Network{Name: "fixed", Interface: "fixed0", Subnets: []Subnet{{Subnet: prefix("10.99.0.0/24")}}})
	mustCreate(t, two, Network{Name: "fixed", Interface: "fixed1", Subnets: []Subnet{{Subnet: prefix("10.99.0.0/24")}}})
	mustSetup(t, one, Container{ID: idOf("c")}, Attachment{Network: "fixed"})
	if _, err := two.Setup(t.Context(), Container{ID: idOf("d")}, []Attachment{{Network: "fixed"}}); err == nil || !strings.Contains(err.Error(), "fixed0") {
		t.Errorf("a subnet that another bridge has: %v", err)
	}
}

func TestAtOnce(t *testing.T) {
	s := host(t)
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Go(func() {
			id := fmt.Sprintf("%064x", i)
			on, err := s.Setup(t.Context(), Container{ID: id, Ports: []Port{{Container: 80}}}, []Attachment{{Network: DefaultName}})
			if err != nil {
				t.Error(err)
				return
			}
			server := serve(t, on[0].Netns, "tcp", ":80")
			mustAsk(t, "", "tcp", fmt.Sprintf("127.0.0.1:%d", on[0].Container.Ports[0].Host), "")
			if err := errors.Join(server.Close(), s.Teardown(t.Context(), id)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if n := elementsOf(t, s); n != 0 {
		t.Errorf("%d elements are left", n)
	}
}
