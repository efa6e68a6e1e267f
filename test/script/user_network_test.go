// SPDX-License-Identifier: Apache-2.0

package script_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tug-containers/tug/test/scene"
	"golang.org/x/sys/unix"
)

// neighbour is another host, which is a network namespace on a wire of its own.
type neighbour struct {
	name                    string
	host, own, host6, own6  netip.Addr
	hostDevice, theirDevice string
}

// rig is what TestUserNetwork works with: a user with a store, and a neighbour.
type rig struct {
	*testing.T
	user, home, bin, image string
	there                  neighbour
}

// TestUserNetwork has a user publish ports, and calls from this host and from another
// one, which only root can make.
func TestUserNetwork(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to make a user and another host")
	}
	for _, program := range []string{"useradd", "setpriv", "newuidmap", "crun", "pasta", "ip", "curl", "busybox"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("needs ", program)
		}
	}
	dir, err := theStage.lend(t)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, user: newUser(t, dir), home: filepath.Join(dir, "home"), bin: filepath.Join(dir, "bin")}
	if unix.Access("/dev/net/tun", unix.R_OK|unix.W_OK) != nil || r.fails("test", "-w", "/dev/net/tun") {
		t.Skip("needs /dev/net/tun for users")
	}
	r.there = newNeighbour(t)
	r.image = strings.TrimSpace(r.tug("pull", "-q", "oci:"+filepath.Join(dir, "layout")+":busybox-latest"))
	for _, part := range []struct {
		name string
		tell func(*rig)
	}{{"served", (*rig).served}, {"outward", (*rig).outward}, {"bulk", (*rig).bulk}, {"again", (*rig).again}, {"broken", (*rig).broken}, {"killed", (*rig).killed}} {
		t.Run(part.name, func(t *testing.T) {
			told := *r
			told.T = t
			defer told.nothing()
			part.tell(&told)
		})
	}
}

// nothing is left of a part.
func (r *rig) nothing() {
	r.tug("rm", "-f", "-a", "-t", "0")
	for _, pid := range r.pastas() {
		r.Errorf("left running: %d %s", pid, scene.Command(pid))
	}
	if out := r.tug("gc", "--dry-run"); out != "" {
		r.Errorf("left: %s", out)
	}
}

func newNeighbour(t *testing.T) neighbour {
	pid := os.Getpid()
	n := neighbour{
		name: fmt.Sprintf("tug-n%d", pid), hostDevice: fmt.Sprintf("tn%dh", pid), theirDevice: fmt.Sprintf("tn%dt", pid),
		host: netip.AddrFrom4([4]byte{198, 19, byte(pid), 1}), own: netip.AddrFrom4([4]byte{198, 19, byte(pid), 2}),
	}
	n.host6 = netip.MustParseAddr(fmt.Sprintf("fd7a:%x::1", pid&0xffff))
	n.own6 = n.host6.Next()
	ip := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	ip("netns", "add", n.name)
	t.Cleanup(func() { ip("netns", "del", n.name) }) // the wire goes with it
	ip("link", "add", n.hostDevice, "type", "veth", "peer", "name", n.theirDevice, "netns", n.name)
	for _, side := range []struct {
		in     []string
		device string
		four   netip.Addr
		six    netip.Addr
	}{{nil, n.hostDevice, n.host, n.host6}, {[]string{"-n", n.name}, n.theirDevice, n.own, n.own6}} {
		at := func(args ...string) { t.Helper(); ip(append(side.in[:len(side.in):len(side.in)], args...)...) }
		at("addr", "add", side.four.String()+"/24", "dev", side.device)
		at("addr", "add", side.six.String()+"/64", "dev", side.device, "nodad")
		at("link", "set", side.device, "up")
	}
	ip("-n", n.name, "link", "set", "lo", "up")
	return n
}

// command is a command of the user, in an environment as cron has it.
func (r *rig) command(args ...string) *exec.Cmd {
	cmd := exec.Command("setpriv", append([]string{
		"--reuid", r.user, "--regid", r.user, "--init-groups", "--",
		"env", "-i", "HOME=" + r.home, "PATH=" + r.bin + ":" + os.Getenv("PATH"),
	}, args...)...)
	cmd.Dir = "/"
	return cmd
}

func (r *rig) fails(args ...string) bool { return r.command(args...).Run() != nil }

// output gives what a command says on stdout. It must succeed.
func (r *rig) output(cmd *exec.Cmd) string {
	r.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		r.Fatalf("%s: %v: %s", strings.Join(cmd.Args, " "), err, stderr.String())
	}
	return stdout.String()
}

func (r *rig) tug(args ...string) string {
	r.Helper()
	return r.output(r.command(append([]string{"tug"}, args...)...))
}

// from is a command on the other host.
func (r *rig) from(args ...string) string {
	r.Helper()
	return r.output(exec.Command("ip", append([]string{"netns", "exec", r.there.name}, args...)...))
}

// until waits for a condition.
func (r *rig) until(what string, holds func() bool) {
	r.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			r.Fatalf("not for a minute: %s", what)
		}
	}
}

// port is the host's port that leads to one of a container.
func (r *rig) port(container, of string) string {
	r.Helper()
	_, port, err := net.SplitHostPort(strings.TrimSpace(strings.SplitN(r.tug("port", container, of), "\n", 2)[0]))
	if err != nil {
		r.Fatal(err)
	}
	return port
}

// pastas are the processes of pasta that the user has.
func (r *rig) pastas() (pids []int) {
	r.Helper()
	u, err := user.Lookup(r.user)
	if err != nil {
		r.Fatal(err)
	}
	for _, pid := range processesOf(u.Uid) {
		if strings.Contains(scene.Command(pid), "/pasta ") {
			pids = append(pids, pid)
		}
	}
	return pids
}
