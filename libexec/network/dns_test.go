// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/tug-containers/tug/libexec/network/names"
)

// naming is a set of networks with resolvers.
func naming(t *testing.T) *Set {
	t.Helper()
	s := host(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s.o.Resolver = self
	return s
}

func mustCreate(t *testing.T, s *Set, n Network) Network {
	t.Helper()
	n, err := s.Create(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// lookUp asks for addresses from a namespace.
func lookUp(path, at, name string, patience time.Duration) (text string, err error) {
	err = in(path, func() error {
		kind := dns.TypeA
		if strings.HasSuffix(name, " six") {
			name, kind = strings.TrimSuffix(name, " six"), dns.TypeAAAA
		}
		c := &dns.Client{Timeout: patience}
		a, _, err := c.Exchange(new(dns.Msg).SetQuestion(dns.Fqdn(name), kind), net.JoinHostPort(at, "53"))
		if err != nil {
			return err
		}
		words := []string{dns.RcodeToString[a.Rcode]}
		for _, rr := range a.Answer {
			words = append(words, strings.Fields(rr.String())[4])
		}
		text = strings.Join(words, " ")
		return nil
	})
	return text, err
}

func mustLookUp(t *testing.T, path, at, name, want string) {
	t.Helper()
	if got, err := lookUp(path, at, name, time.Minute); got != want || err != nil {
		t.Errorf("%s from %q: %s, %v; want %s", name, path, got, err, want)
	}
}

func TestNamesOfContainers(t *testing.T) {
	s := naming(t)
	far := outside(t, s)
	web := mustCreate(t, s, Network{Name: "web", DNS: true, IPv6: true})
	back := mustCreate(t, s, Network{Name: "back", DNS: true, Internal: true})
	setup := func(name string, wants ...Attachment) []Joined {
		t.Helper()
		return mustSetup(t, s, Container{ID: idOf(name), Name: name}, wants...)
	}
	a := setup("a", Attachment{Network: "web", Aliases: []string{"db", "Store"}})
	b := setup("b", Attachment{Network: "web"}, Attachment{Network: "back"})
	c := setup("c", Attachment{Network: "back"})
	at := web.Subnets[0].Gateway.String()
	if !slices.Contains(a[0].Nameservers, web.Subnets[0].Gateway) || !slices.Equal(a[0].Search, []string{names.Domain}) {
		t.Errorf("joined: %+v", a[0])
	}
	four, six := a[0].Addresses[0].Addr().String(), a[0].Addresses[1].Addr().String()
	for _, server := range []string{at, web.Subnets[1].Gateway.String()} {
		for name, want := range map[string]string{
			"a": "NOERROR " + four, "db": "NOERROR " + four, "STORE.dns.tug": "NOERROR " + four, "a six": "NOERROR " + six,
			idOf("a")[:12]: "NOERROR " + four, "x.dns.tug": "NXDOMAIN",
		} {
			mustLookUp(t, b[0].Netns, server, name, want)
		}
	}
	// b is on both networks, a and c on one each.
	inBack := c[0].Addresses[0].Addr().String()
	mustLookUp(t, b[0].Netns, at, "c", "NOERROR "+inBack)
	mustLookUp(t, a[0].Netns, at, "c.dns.tug", "NXDOMAIN")
	mustLookUp(t, c[0].Netns, back.Subnets[0].Gateway.String(), "b", "NOERROR "+b[1].Addresses[0].Addr().String())
	// An internal network tells nothing of what is outside.
	mustLookUp(t, c[0].Netns, back.Subnets[0].Gateway.String(), "www.example", "NXDOMAIN")
	// Nobody else gets an answer: not another host, not even this one.
	if out, err := exec.Command("nsenter", "--net="+far, "ip", "route", "add", "default", "via", "198.51.100.1").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, path := range []string{far, ""} {
		if got, err := lookUp(path, at, "a", 2*time.Second); err == nil {
			t.Errorf("from %q: %s", path, got)
		}
	}
	if err := s.Teardown(t.Context(), idOf("a")); err != nil {
		t.Error(err)
	}
	mustLookUp(t, b[0].Netns, at, "a.dns.tug", "NXDOMAIN")
	for _, name := range []string{"b", "c"} {
		if err := s.Teardown(t.Context(), idOf(name)); err != nil {
			t.Error(err)
		}
	}
	for _, n := range []string{"web", "back"} {
		for end := time.Now().Add(time.Minute); s.book().Resolving(n); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("network %s without a container has a resolver", n)
			}
		}
	}
}

// TestResolverCannotStart leaves a container without a network, and nothing of it.
func TestResolverCannotStart(t *testing.T) {
	s := naming(t)
	web := mustCreate(t, s, Network{Name: "web", DNS: true})
	s.o.Resolver = "/nonexistent/tug-dns"
	_, err := s.Setup(t.Context(), Container{ID: idOf("a")}, []Attachment{{Network: "web"}})
	if !errors.Is(err, names.ErrNoResolver) || !strings.Contains(err.Error(), s.o.Resolver) {
		t.Errorf("without the program: %v", err)
	}
	on, err := s.On("web")
	if err != nil || len(on) != 0 || isNamespace(s.NetnsPath(idOf("a"))) {
		t.Errorf("left: %+v, %v", on, err)
	}
	used, err := s.drivers[0].(*bridge).addresses("web").of(idOf("a"))
	if err != nil || len(used) != 0 {
		t.Errorf("addresses of %s are left: %v, %v", web.Name, used, err)
	}
}

// TestReloadMendsTheResolver starts one again that was killed, and whose names are
// lost.
func TestReloadMendsTheResolver(t *testing.T) {
	s := naming(t)
	web := mustCreate(t, s, Network{Name: "web", DNS: true})
	a := mustSetup(t, s, Container{ID: idOf("a"), Name: "a"}, Attachment{Network: "web"})[0]
	at := web.Subnets[0].Gateway.String()
	mustLookUp(t, a.Netns, at, "a", "NOERROR "+a.Addresses[0].Addr().String())
	procs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range procs {
		line, _ := os.ReadFile(path) // gone is as good
		pid, err := strconv.Atoi(strings.Split(path, "/")[2])
		if err == nil && strings.HasPrefix(string(line), "tug-dns\x00web\x00") && parentOf(pid) == os.Getpid() {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	for end := time.Now().Add(time.Minute); s.book().Resolving("web"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the resolver was killed and is there")
		}
	}
	if err := os.RemoveAll(s.book().Dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Reload(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	mustLookUp(t, a.Netns, at, "a", "NOERROR "+a.Addresses[0].Addr().String())
}

func parentOf(pid int) (parent int) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // gone is nobody's
	_, rest, _ := strings.Cut(string(status), "\nPPid:")
	_, _ = fmt.Sscan(rest, &parent)
	return parent
}
