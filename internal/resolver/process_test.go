// SPDX-License-Identifier: Apache-2.0

package resolver

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libexec/network/names"
	"golang.org/x/sys/unix"
)

// inside says that this process has a network namespace of its own.
const inside = "TUG_TEST_NETWORK_NAMESPACE"

// TestMain is the resolver too, and runs the tests in a network namespace of their
// own where it may make one: port 53 is free there.
func TestMain(m *testing.M) {
	if os.Args[0] == "tug-dns" {
		os.Exit(Main())
	}
	if os.Geteuid() != 0 || os.Getenv(inside) != "" {
		os.Exit(m.Run())
	}
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		panic(err)
	}
	os.Exit(cmd.ProcessState.ExitCode())
}

// needNamespace sets the loopback device of the test's namespace up.
func needNamespace(t *testing.T) {
	t.Helper()
	if os.Getenv(inside) == "" {
		t.Skip("needs root")
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		t.Fatal(err)
	}
}

func newBook(t *testing.T) names.Book {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return names.Book{Dir: filepath.Join(t.TempDir(), "names"), Program: self}
}

func live() names.Network {
	return names.Network{Name: "live", Interface: "lo", Listen: address("127.0.0.1", "::1"), Subnets: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}
}

func join(t *testing.T, b names.Book, id string) {
	t.Helper()
	if err := b.Join(t.Context(), live(), names.Container{ID: id, Names: []string{id}, Addresses: address("192.0.2.1")}); err != nil {
		t.Fatal(err)
	}
}

func leave(t *testing.T, b names.Book, id string) {
	t.Helper()
	if err := b.Leave(t.Context(), "live", id); err != nil {
		t.Fatal(err)
	}
}

func askLive(at, network, name string) (string, error) {
	c := &dns.Client{Net: network, Timeout: patience}
	a, _, err := c.Exchange(new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA), net.JoinHostPort(at, "53"))
	if err != nil {
		return "", err
	}
	return text(a), nil
}

func wantLive(t *testing.T, name, want string) {
	t.Helper()
	for _, at := range []string{"127.0.0.1", "::1"} {
		for _, network := range []string{"udp", "tcp"} {
			if got, err := askLive(at, network, name); got != want || err != nil {
				t.Errorf("%s at %s by %s: %s, %v; want %s", name, at, network, got, err, want)
			}
		}
	}
}

func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain: ", what)
		}
	}
}

// resolvers are the processes of a test's resolvers.
func resolvers(t *testing.T) (pids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if fields := strings.Fields(string(stat)); len(fields) > 3 && fields[3] == strconv.Itoa(os.Getpid()) &&
			strings.HasPrefix(string(line), "tug-dns\x00live\x00") {
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestResolverLives(t *testing.T) {
	needNamespace(t)
	b := newBook(t)
	if b.Resolving("live") {
		t.Fatal("a resolver of a network without containers")
	}
	join(t, b, "one")
	wantLive(t, "one", "NOERROR 192.0.2.1")
	join(t, b, "two")
	wantLive(t, "two", "NOERROR 192.0.2.1")
	pids := resolvers(t)
	if len(pids) != 1 {
		t.Fatalf("resolvers: %v", pids)
	}
	leave(t, b, "one")
	wantLive(t, "one.dns.tug", "NXDOMAIN")
	leave(t, b, "two")
	await(t, "the end of the resolver", func() bool { return !b.Resolving("live") })
	await(t, "the end of its process", func() bool { return len(resolvers(t)) == 0 })
	if f, err := b.Read("live"); err != nil || len(f.Containers) != 0 {
		t.Errorf("left: %+v, %v", f, err)
	}
}

func TestResolverHasNoPrivileges(t *testing.T) {
	needNamespace(t)
	b := newBook(t)
	join(t, b, "one")
	wantLive(t, "one", "NOERROR 192.0.2.1")
	defer leave(t, b, "one")
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", resolvers(t)[0]))
	if err != nil || len(tasks) == 0 {
		t.Fatal(tasks, err)
	}
	for _, task := range tasks {
		data, err := os.ReadFile(task)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue // the thread is gone
		} else if err != nil {
			t.Fatal(err)
		}
		status := string(data)
		for _, line := range []string{"\nUid:\t65534\t65534\t65534\t65534\n", "\nGid:\t65534\t65534\t65534\t65534\n", "\nCapPrm:\t0000000000000000\n", "\nNoNewPrivs:\t1\n"} {
			if !strings.Contains(status, line) {
				t.Errorf("%s: no %q", task, line)
			}
		}
	}
}

// TestResolverIsMended starts another after one was killed: by Restore, and by whoever
// comes or goes.
func TestResolverIsMended(t *testing.T) {
	needNamespace(t)
	b := newBook(t)
	join(t, b, "one")
	join(t, b, "two")
	for _, tc := range []struct {
		name string
		mend func() error
	}{
		{"restore", func() error {
			return b.Restore(t.Context(), live(), func() ([]names.Container, error) {
				f, err := b.Read("live")
				return f.Containers, err
			})
		}},
		{"join", func() error { join(t, b, "three"); return nil }},
		{"leave", func() error { leave(t, b, "two"); return nil }},
	} {
		wantLive(t, "one", "NOERROR 192.0.2.1")
		pids := resolvers(t)
		if len(pids) != 1 {
			t.Fatalf("resolvers: %v", pids)
		}
		if err := unix.Kill(pids[0], unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		await(t, "the end of the resolver", func() bool { return !b.Resolving("live") })
		if err := tc.mend(); err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		wantLive(t, "one", "NOERROR 192.0.2.1")
	}
	leave(t, b, "one")
	leave(t, b, "three")
	await(t, "the end of the resolver", func() bool { return len(resolvers(t)) == 0 })
}

// TestResolverStopped does not hold up those who come and go.
func TestResolverStopped(t *testing.T) {
	needNamespace(t)
	b := newBook(t)
	join(t, b, "one")
	wantLive(t, "one", "NOERROR 192.0.2.1")
	pid := resolvers(t)[0]
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	join(t, b, "two")
	leave(t, b, "two")
	leave(t, b, "one")
	if err := unix.Kill(pid, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of the resolver", func() bool { return len(resolvers(t)) == 0 })
}

// TestResolverAtOnce has containers come and go while the resolver begins and
// ends: each that has come is found.
func TestResolverAtOnce(t *testing.T) {
	needNamespace(t)
	b := newBook(t)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for round := range 25 {
				id := fmt.Sprintf("c%dx%d", worker, round)
				if err := b.Join(t.Context(), live(), names.Container{ID: id, Names: []string{id}, Addresses: address("192.0.2.1")}); err != nil {
					t.Error(err)
					return
				}
				if got, err := askLive("127.0.0.1", "udp", id); got != "NOERROR 192.0.2.1" {
					t.Errorf("%s: %s, %v", id, got, err)
				}
				if err := b.Leave(t.Context(), "live", id); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	await(t, "the end of the resolver", func() bool { return len(resolvers(t)) == 0 })
}

// TestNetworkRemoved ends the resolver of a network that is taken away, and one of
// the same name begins anew.
func TestNetworkRemoved(t *testing.T) {
	needNamespace(t)
	b := newBook(t)
	join(t, b, "one")
	wantLive(t, "one", "NOERROR 192.0.2.1")
	if err := b.Remove("live"); err != nil {
		t.Fatal(err)
	}
	join(t, b, "two")
	await(t, "the end of the first", func() bool { return len(resolvers(t)) == 1 })
	wantLive(t, "two", "NOERROR 192.0.2.1")
	wantLive(t, "one.dns.tug", "NXDOMAIN")
	leave(t, b, "two")
	await(t, "the end of the resolver", func() bool { return len(resolvers(t)) == 0 })
}

// TestNoResolver leaves the names as they were when there can be none.
func TestNoResolver(t *testing.T) {
	needNamespace(t)
	b := newBook(t)
	one := names.Container{ID: "one", Names: []string{"one"}}
	listener, err := net.Listen("tcp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	err = b.Join(t.Context(), live(), one)
	if !errors.Is(err, names.ErrNoResolver) || !errors.Is(err, errclass.Conflict) || !strings.Contains(err.Error(), "127.0.0.1:53") {
		t.Errorf("port taken: %v", err)
	}
	listener.Close()
	missing := b
	missing.Program = filepath.Join(t.TempDir(), "tug-dns")
	if err = missing.Join(t.Context(), live(), one); !errors.Is(err, names.ErrNoResolver) || !strings.Contains(err.Error(), missing.Program) {
		t.Errorf("program missing: %v", err)
	}
	f, err := b.Read("live")
	if err != nil || slices.ContainsFunc(f.Containers, func(c names.Container) bool { return c.ID == "one" }) {
		t.Errorf("left: %+v, %v", f, err)
	}
}
