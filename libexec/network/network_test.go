// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/vishvananda/netlink"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func TestDefinitions(t *testing.T) {
	s := host(t)
	n, err := s.Default(t.Context())
	if err != nil || n.Name != "bridge" || n.Driver != Bridge || len(n.ID) != 64 || len(n.Subnets) != 1 || !strings.HasPrefix(n.Interface, "tug") {
		t.Fatalf("%+v, %v", n, err)
	}
	again, err := s.Default(t.Context())
	if err != nil || !reflect.DeepEqual(n, again) {
		t.Errorf("%+v, %v; want %+v", again, err, n)
	}
	other, err := s.Create(t.Context(), Network{Name: "other", IPv6: true, Labels: map[string]string{"a": "b"}})
	if err != nil || len(other.Subnets) != 2 || other.Interface == n.Interface || other.Subnets[0].Subnet.Overlaps(n.Subnets[0].Subnet) {
		t.Fatalf("%+v, %v", other, err)
	}
	for _, name := range []string{"other", other.ID, other.ID[:8]} {
		if found, err := s.Lookup(name); err != nil || found.Name != "other" || found.Labels["a"] != "b" {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
	for _, bad := range []Network{
		{Name: "other"}, {Name: "host"}, {Name: "a/b"}, {Name: ""}, {Name: "a", Driver: "odd"}, {Name: "a", MTU: 5}, {Name: "a", VLAN: 5000}, {Name: "a", Interface: "lo"}, {Name: "a", Interface: "a/b"},
		{Name: "a", Subnets: []Subnet{{Subnet: prefix("10.0.0.1/24")}}}, {Name: "a", Subnets: []Subnet{{Subnet: prefix("10.0.0.0/31")}}}, {Name: "a", Subnets: []Subnet{{Subnet: prefix("127.0.0.0/8")}}},
		{Name: "a", Subnets: []Subnet{{Subnet: n.Subnets[0].Subnet}}}, {Name: "a", Subnets: []Subnet{{Subnet: prefix("10.0.0.0/24"), Gateway: netip.MustParseAddr("10.0.1.1")}}},
		{Name: "a", Subnets: []Subnet{{Subnet: prefix("10.0.0.0/24"), LeaseRange: &Range{Start: netip.MustParseAddr("10.0.0.9"), End: netip.MustParseAddr("10.0.0.8")}}}},
		{Name: "a", Subnets: []Subnet{{Subnet: prefix("10.0.0.0/24")}, {Subnet: prefix("10.0.0.0/16")}}},
	} {
		if _, err := s.Create(t.Context(), bad); err == nil {
			t.Errorf("%+v is made", bad)
		} else if class, _ := errclass.Of(err); class != errclass.Usage && class != errclass.Conflict && class != errclass.Unsupported {
			t.Errorf("%+v: class %s: %v", bad, class, err)
		}
	}
	if all, err := s.List(); err != nil || len(all) != 2 {
		t.Errorf("%d networks, %v", len(all), err)
	}
}

// What cannot be read is that network's problem alone.
func TestDefinitionDamaged(t *testing.T) {
	s := host(t)
	good, err := s.Create(t.Context(), Network{Name: "good"})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty": "", "cut": "{", "nothing": "{}", "wrong": strings.ReplaceAll(`{"format":1,"name":"x"}`, "x", "y"), "future": `{"format":99}`, "list": "[]",
		"subnet": fmt.Sprintf(`{"format":1,"name":"subnet","id":%q,"subnets":[{"subnet":"10.0.0.1/8"}]}`, good.ID),
	} {
		if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := s.Lookup(name)
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.Create(t.Context(), Network{Name: name}); !errors.Is(err, ErrExists) {
			t.Errorf("%s: %v", name, err)
		}
		if name != "future" {
			if err := s.Remove(t.Context(), name); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		} else if err := s.Remove(t.Context(), name); !errors.Is(err, ErrNewer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	mustSetup(t, s, Container{ID: idOf("a")}, Attachment{Network: "good"})
	if err := os.Remove(s.path("future")); err != nil {
		t.Fatal(err)
	}
}

func TestAddresses(t *testing.T) {
	a := addresses{dir: t.TempDir() + "/a", network: "n"}
	sub := &Subnet{Subnet: prefix("10.0.0.0/29"), Gateway: netip.MustParseAddr("10.0.0.1")}
	var got []string
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		at, err := a.take(sub, netip.Addr{}, idOf(id))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, at.String())
	}
	if want := "10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
	if _, err := a.take(sub, netip.Addr{}, idOf("f")); !errors.Is(err, ErrNoRoom) {
		t.Errorf("a full subnet: %v", err)
	}
	if err := a.give(idOf("b"), []netip.Prefix{prefix("10.0.0.2/29"), prefix("10.0.0.3/29")}); err != nil {
		t.Error(err)
	}
	if at, err := a.take(sub, netip.Addr{}, idOf("f")); err != nil || at.String() != "10.0.0.3" {
		t.Errorf("%s, %v", at, err)
	}
	for _, bad := range []string{"10.0.0.0", "10.0.0.1", "10.0.0.7", "10.0.0.2"} {
		if _, err := a.take(sub, netip.MustParseAddr(bad), idOf("g")); err == nil {
			t.Errorf("%s is given", bad)
		}
	}
	if at, err := a.take(sub, netip.MustParseAddr("10.0.0.3"), idOf("f")); err != nil || at.String() != "10.0.0.3" {
		t.Errorf("its own again: %s, %v", at, err)
	}
	ranged := &Subnet{Subnet: prefix("10.1.0.0/16"), Gateway: netip.MustParseAddr("10.1.0.1"), LeaseRange: &Range{Start: netip.MustParseAddr("10.1.2.3"), End: netip.MustParseAddr("10.1.2.4")}}
	for _, want := range []string{"10.1.2.3", "10.1.2.4"} {
		if at, err := a.take(ranged, netip.Addr{}, idOf("a")); err != nil || at.String() != want {
			t.Errorf("%s, %v; want %s", at, err, want)
		}
	}
	if _, err := a.take(ranged, netip.Addr{}, idOf("a")); !errors.Is(err, ErrNoRoom) {
		t.Errorf("a full range: %v", err)
	}
}

// 200 at once get 200 addresses.
func TestAddressesAtOnce(t *testing.T) {
	a := addresses{dir: t.TempDir() + "/a", network: "n"}
	sub := &Subnet{Subnet: prefix("10.0.0.0/24"), Gateway: netip.MustParseAddr("10.0.0.1")}
	var all sync.Map
	var wait sync.WaitGroup
	for i := range 200 {
		wait.Go(func() {
			id := fmt.Sprintf("%064x", i)
			at, err := a.take(sub, netip.Addr{}, id)
			if err != nil {
				t.Error(err)
			} else if other, taken := all.LoadOrStore(at, id); taken {
				t.Errorf("%s: both of %s and %s", at, id, other)
			}
		})
	}
	wait.Wait()
	if owners, err := a.owners(); err != nil || len(owners) != 200 {
		t.Errorf("%d owners, %v", len(owners), err)
	}
}

func TestParsePort(t *testing.T) {
	for text, want := range map[string]string{
		"80": "0/tcp 80", "8080:80": "8080/tcp 80", "127.0.0.1:8080:80/udp": "127.0.0.1:8080/udp 80", "127.0.0.1::80": "127.0.0.1:0/tcp 80",
		"[::1]:8080:80": "[::1]:8080/tcp 80", "[::]::80": "[::]:0/tcp 80", "8000-8002:80-82/SCTP": "8000-8002/sctp 80", ":80": "0/tcp 80",
	} {
		p, err := ParsePort(text)
		if got := fmt.Sprintf("%s %d", p, p.Container); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func FuzzParsePort(f *testing.F) {
	for _, s := range []string{"80", "1:2", "1.2.3.4:1:2/udp", "[::1]::2", "1-2:3-4", ":::", "[", "]", "[]:1:1", "/", "1/", "-", "1-", "::1:1:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePort(s)
		if err != nil {
			return
		}
		if p.Container == 0 || p.Range == 0 || int(p.Container)+int(p.Range) > 65536 || p.Host != 0 && int(p.Host)+int(p.Range) > 65536 {
			t.Errorf("%q: %+v", s, p)
		}
	})
}

func FuzzParseAttachment(f *testing.F) {
	for _, s := range []string{"a", "a:ip=1.2.3.4", "a:ip6=::1,mac=02:00:00:00:00:01", "a:alias=x,alias=y", ":", "a:interface_name=e", "a:=", "a:,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAttachment(s)
		if err == nil && (!validName(a.Network) || a.Interface != "" && !validInterface(a.Interface)) {
			t.Errorf("%q: %+v", s, a)
		}
	})
}

func FuzzDefinition(f *testing.F) {
	f.Add([]byte(`{"format":1,"name":"n","id":"` + idOf("a") + `","driver":"bridge","subnets":[{"subnet":"10.0.0.0/24","gateway":"10.0.0.1"}]}`))
	f.Add([]byte(`{"format":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := parse("n", data)
		if err == nil && (n.Name != "n" || n.check() != nil) {
			t.Errorf("%q: %+v", data, n)
		}
	})
}

func TestConfig(t *testing.T) {
	file := t.TempDir() + "/containers.conf"
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("[containers]\nnetns = \"host\"\nno_hosts=true\ndns_servers=[\"10.0.0.1\"]\n[network]\ndefault_network=\"mine\"\ndefault_subnet=\"10.5.0.0/16\"\ndefault_subnet_pools=[{base=\"10.6.0.0/16\",size=24}]\n")
	c, err := ReadConfig([]string{"/none/at/all", file})
	if err != nil || c.Mode != "host" || !c.NoHosts || c.Default != "mine" || c.Subnet.Subnet != prefix("10.5.0.0/16") || len(c.DNSServers) != 1 || len(c.Pools) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range []string{"[network]\ndefault_subnet=\"x\"\n", "[network]\ndefault_subnet=\"10.0.0.1/8\"\n", "[network]\ndefault_network=\"a/b\"\n", "[containers]\nnetns=5\n", "dns_servers ="} {
		write(bad)
		if _, err := ReadConfig([]string{file}); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestInterruptedDump: a list that changes while the kernel gives it is asked for
// again.
func TestInterruptedDump(t *testing.T) {
	for _, changes := range []int{0, 3, 100} {
		asked := 0
		all, err := dump(func() ([]int, error) {
			if asked++; asked <= changes {
				return []int{1}, netlink.ErrDumpInterrupted
			}
			return []int{1, 2}, nil
		})
		if want := min(changes, 9) + 1; err != nil || asked != want || len(all) != 2 && changes < 10 {
			t.Errorf("%d changes: asked %d times, %v, %v", changes, asked, all, err)
		}
	}
	if _, err := dump(func() ([]int, error) { return nil, os.ErrPermission }); !errors.Is(err, os.ErrPermission) {
		t.Error(err)
	}
}
