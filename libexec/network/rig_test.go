// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tug-containers/tug/internal/ondisk"
	"github.com/tug-containers/tug/internal/resolver"
	"github.com/vishvananda/netlink"
)

// inside says that the tests run in a network namespace of their own: that of the
// machine stays as it is.
const insideEnv = "TUG_TEST_NETNS"

func TestMain(m *testing.M) {
	if os.Args[0] == "tug-dns" {
		os.Exit(resolver.Main())
	}
	if os.Getuid() != 0 || os.Getenv(insideEnv) != "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		os.Exit(exit.ExitCode())
	} else if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
}

// host gives a set of networks on a machine that nobody else uses.
func host(t *testing.T) *Set {
	t.Helper()
	needRoot(t)
	h := handle(t)
	lo, err := h.LinkByName("lo")
	if err == nil {
		err = h.LinkSetUp(lo)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := Open(Options{Dir: dir + "/networks", RunDir: dir + "/run"})
	t.Cleanup(func() {
		names, _ := ondisk.Names(dir + "/run/netns")
		for _, id := range names {
			if err := s.Teardown(context.Background(), id); err != nil {
				t.Error(err)
			}
		}
		all, err := s.List()
		if err != nil {
			t.Error(err)
		}
		for _, n := range all {
			if err := s.Remove(context.Background(), n.Name); err != nil {
				t.Error(err)
			}
		}
	})
	return s
}

func handle(t *testing.T) *netlink.Handle {
	t.Helper()
	h, err := netlink.NewHandle()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// idOf makes an ID of a letter.
func idOf(letter string) string { return strings.Repeat(letter, 64) }

func mustSetup(t *testing.T, s *Set, c Container, wants ...Attachment) []Joined {
	t.Helper()
	if len(wants) == 0 {
		wants = []Attachment{{Network: DefaultName}}
	}
	on, err := s.Setup(t.Context(), c, wants)
	if err != nil {
		t.Fatal(err)
	}
	return on
}

// serve answers on a port with the address of who asks; in the namespace at path,
// or here for "". A namespace stays as long as somebody listens in it.
func serve(t *testing.T, path, network, address string) io.Closer {
	t.Helper()
	var server io.Closer
	err := in(path, func() error {
		if strings.HasPrefix(network, "udp") {
			c, err := net.ListenPacket(network, address)
			if err != nil {
				return err
			}
			server = c
			go func() {
				buf := make([]byte, 100)
				for {
					_, from, err := c.ReadFrom(buf)
					if err != nil {
						return
					}
					_, _ = c.WriteTo([]byte(from.(*net.UDPAddr).IP.String()), from)
				}
			}()
			return nil
		}
		l, err := net.Listen(network, address)
		if err != nil {
			return err
		}
		server = l
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(c, c.RemoteAddr().(*net.TCPAddr).IP.String())
				c.Close()
			}
		}()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server
}

// ask asks a server from a namespace.
func ask(path, network, address string) (answer string, err error) {
	err = in(path, func() error {
		c, err := net.DialTimeout(network, address, 2*time.Second)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
			return err
		}
		if _, err := io.WriteString(c, "?"); err != nil {
			return err
		}
		buf := make([]byte, 100)
		n, err := c.Read(buf)
		answer = string(buf[:n])
		return err
	})
	return answer, err
}

func in(path string, f func() error) error {
	if path == "" {
		return f()
	}
	return inNamespace(path, func(int) error { return f() })
}

// mustAsk expects an answer; from is who the server sees, or "" for anybody.
func mustAsk(t *testing.T, path, network, address, from string) {
	t.Helper()
	answer, err := ask(path, network, address)
	if err != nil || from != "" && answer != from {
		t.Errorf("%s %s from %q: %q, %v; want %q", network, address, path, answer, err, from)
	}
}

// outside makes another host: a namespace with an address of its own, behind a
// cable.
func outside(t *testing.T, s *Set) (path string) {
	t.Helper()
	path = s.NetnsPath("outside")
	if err := makeNamespace(path); err != nil {
		t.Fatal(err)
	}
	h := handle(t)
	t.Cleanup(func() {
		if err := errors.Join(removeLink(h, "cable0"), dropNamespace(path)); err != nil {
			t.Error(err)
		}
	})
	cable := netlink.NewVeth(netlink.LinkAttrs{Name: "cable0", TxQLen: -1})
	cable.PeerName = "cable1"
	err := inNamespace(path, func(ns int) error {
		cable.PeerNamespace = netlink.NsFd(ns)
		if err := h.LinkAdd(cable); err != nil {
			return err
		}
		other, err := netlink.NewHandle()
		if err != nil {
			return err
		}
		defer other.Close()
		peer, err := other.LinkByName("cable1")
		if err != nil {
			return err
		}
		return errors.Join(other.AddrAdd(peer, address(netip.MustParsePrefix("198.51.100.2/24"))), other.AddrAdd(peer, address(netip.MustParsePrefix("2001:db8::2/64"))), other.LinkSetUp(peer))
	})
	err = errors.Join(err, h.AddrAdd(cable, address(netip.MustParsePrefix("198.51.100.1/24"))), h.AddrAdd(cable, address(netip.MustParsePrefix("2001:db8::1/64"))), h.LinkSetUp(cable))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// gone waits until the kernel has taken an interface away.
func gone(t *testing.T, name string) {
	t.Helper()
	h := handle(t)
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		var missing netlink.LinkNotFoundError
		if _, err := h.LinkByName(name); errors.As(err, &missing) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("interface %s is still there", name)
		}
	}
}
