// SPDX-License-Identifier: Apache-2.0

package cni_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libexec/network"
)

const debian = `{
  "cniVersion": "0.4.0", "name": "deb",
  "plugins": [
    {"type": "bridge", "bridge": "cnitest0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
     "ipam": {"type": "host-local", "dataDir": "DATA", "routes": [{"dst": "0.0.0.0/0"}], "ranges": [[{"subnet": "10.199.7.0/24", "gateway": "10.199.7.1"}]]}},
    {"type": "portmap", "capabilities": {"portMappings": true}},
    {"type": "firewall"},
    {"type": "tuning", "capabilities": {"mac": true}}
  ]
}`

func (r *rig) debian(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/usr/lib/cni/bridge"); err != nil {
		t.Skip("needs containernetworking-plugins")
	}
	// The plugins of firewalls lock a file of the machine, and nothing else of it.
	r.configure(t, "50-deb.conflist", strings.ReplaceAll(debian, "DATA", filepath.Join(r.driver.RunDir, "ipam")))
}

// TestDebian puts containers on a network with the plugins of the distribution.
func TestDebian(t *testing.T) {
	r := newRig(t)
	r.debian(t)
	a := r.mustSetup(t, network.Container{Name: "a", Ports: []network.Port{{Host: 8080, Container: 80, Range: 2}, {Container: 90, Protocol: "udp"}}},
		network.Attachment{Network: "deb", MAC: "02:00:00:00:07:07", IP: netip.MustParseAddr("10.199.7.77")})
	if a.Driver != "cni" || a.Addresses[0] != netip.MustParsePrefix("10.199.7.77/24") || a.Gateways[0] != netip.MustParseAddr("10.199.7.1") ||
		a.MAC != "02:00:00:00:07:07" || a.Container.Ports[0].Host != 8080 || a.Container.Ports[1].Host == 0 {
		t.Errorf("joined: %+v", a)
	}
	if out := in(t, a, "ip", "-o", "addr", "show", "dev", "eth0"); !strings.Contains(out, "10.199.7.77/24") {
		t.Errorf("in the container: %s", out)
	}
	b := r.mustSetup(t, network.Container{Name: "b"}, network.Attachment{Network: "deb", Interface: "net7"})
	in(t, b, "busybox", "ping", "-c1", "-W10", "10.199.7.77")
	in(t, b, "ip", "-o", "link", "show", "dev", "net7")
	if err := r.Reload(t.Context()); err != nil {
		t.Error(err)
	}
	if out := in(t, a, "ip", "-o", "addr", "show", "dev", "eth0"); !strings.Contains(out, "10.199.7.77/24") {
		t.Errorf("in the container after a reload: %s", out)
	}
	in(t, b, "busybox", "ping", "-c1", "-W10", "10.199.7.77")
	_, err := r.setup(t, network.Container{Name: "c", Ports: []network.Port{{Host: 8081, Container: 1}}}, network.Attachment{Network: "deb"})
	if !errors.Is(err, network.ErrPort) || !strings.Contains(err.Error(), "container a") {
		t.Errorf("a port that another has: %v", err)
	}
	_, err = r.setup(t, network.Container{Name: "c"}, network.Attachment{Network: "deb", IP: netip.MustParseAddr("10.199.7.77")})
	if err == nil || !strings.Contains(err.Error(), "10.199.7.77") {
		t.Errorf("an address that another has: %v", err)
	}
	for _, name := range []string{"a", "b", "a"} {
		r.teardown(t, name)
	}
	r.nothingLeft(t)
	if left, _ := filepath.Glob(filepath.Join(r.driver.RunDir, "ipam/deb/10.*")); len(left) > 0 {
		t.Errorf("addresses are left: %q", left)
	}
}

// TestPluginsThatFail names the plugin, calls DEL, and leaves nothing.
func TestPluginsThatFail(t *testing.T) {
	for _, tc := range []struct {
		name, script string
		want         string
	}{
		{"missing", "", `plugin type="bad" failed (add): no such plugin in`},
		{"error", `[ $CNI_COMMAND = DEL ] || { echo '{"cniVersion":"1.0.0","code":100,"msg":"no more","details":"of it"}'; exit 1; }`, `plugin type="bad" failed (add): no more; of it`},
		{"words", `[ $CNI_COMMAND = DEL ] || { echo "out of luck" >&2; exit 3; }`, `plugin type="bad" failed (add): `},
		{"silence", `[ $CNI_COMMAND = DEL ] || exit 4`, `exit status 4: it has said nothing`},
		{"crash", `[ $CNI_COMMAND = DEL ] || kill -SEGV $$`, `signal: segmentation fault`},
		{"garbage", `[ $CNI_COMMAND = DEL ] || echo "Hello, World"`, `plugin type="bad" failed (add): `},
		{"nothing", `:`, `plugin type="bad" failed (add): `},
		{"flood", `[ $CNI_COMMAND = DEL ] || yes`, `plugin type="bad" failed (add): `},
		{"version", `[ $CNI_COMMAND = DEL ] || echo '{"cniVersion":"9.9.9"}'`, `9.9.9`},
		{"address", `[ $CNI_COMMAND = DEL ] || echo '{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.999/24"}]}'`, `plugin type="bad" failed (add): `},
		{"slow", `[ $CNI_COMMAND = DEL ] || sleep 1000`, `has not ended within 2s, and was killed`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			if tc.name == "slow" {
				r.driver.Timeout = 2 * time.Second
				r.open()
			}
			r.fake(t, "good", "echo '"+answer("1.0.0", "eth0", "10.0.0.2/24")+"'")
			if tc.script != "" {
				r.fake(t, "bad", tc.script)
			}
			r.configure(t, "a.conflist", `{"cniVersion":"1.0.0","name":"web","plugins":[{"type":"good"},{"type":"bad"}]}`)
			_, err := r.setup(t, network.Container{Name: "a"}, network.Attachment{Network: "web"})
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "network web: ") || !strings.Contains(err.Error(), "bad") {
				t.Errorf("%v; want %q", err, tc.want)
			}
			if got := r.calls(t, "good"); !strings.HasPrefix(got, "ADD DEL") {
				t.Errorf("the good plugin was called with %q", got)
			}
			r.nothingLeft(t)
		})
	}
}

// TestDelAfterAll gets the arguments of ADD, and its result, also when the
// configuration and the namespace are gone; and goes on when one plugin fails.
func TestDelAfterAll(t *testing.T) {
	r := newRig(t)
	note := `echo "$conf $CNI_ARGS" >$log.$CNI_COMMAND; [ -e $log.fail ] && [ $CNI_COMMAND = DEL ] && exit 1; `
	r.fake(t, "one", note+"echo '"+answer("1.1.0", "eth0", "10.0.0.2/24", "fd00::2/64")+"'")
	r.fake(t, "two", note+"echo '"+answer("1.1.0", "eth0", "10.0.0.2/24", "fd00::2/64")+"'")
	r.configure(t, "a.conflist", `{"cniVersion":"1.1.0","name":"web","plugins":[{"type":"one"},{"type":"two","capabilities":{"portMappings":true,"aliases":true}}]}`)
	j := r.mustSetup(t, network.Container{Name: "a", Ports: []network.Port{{Host: 8080, Container: 80}}}, network.Attachment{Network: "web", Aliases: []string{"db"}})
	if len(j.Addresses) != 2 || j.Search[0] != "example" || j.Nameservers[0] != netip.MustParseAddr("192.0.2.53") || len(j.Nameservers) != 1 {
		t.Errorf("joined: %+v", j)
	}
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(r.plugin, name))
		if err != nil {
			t.Error(err)
		}
		return string(data)
	}
	if got := read("two.log.ADD"); !strings.Contains(got, `"portMappings":[{"containerPort":80,"hostPort":8080,"protocol":"tcp"}]`) ||
		!strings.Contains(got, `"aliases":{"web":["a","db"]}`) || !strings.Contains(got, `"prevResult"`) || !strings.Contains(got, "K8S_POD_NAME=a") {
		t.Errorf("ADD of the second: %s", got)
	}
	if got := read("one.log.ADD"); strings.Contains(got, "portMappings") || strings.Contains(got, "prevResult") {
		t.Errorf("ADD of the first: %s", got)
	}
	if err := os.Remove(filepath.Join(r.conf, "a.conflist")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.plugin, "two.log.fail"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.Teardown(t.Context(), idOf("a")); err == nil || !strings.Contains(err.Error(), `plugin type="two" failed (delete)`) {
		t.Errorf("a plugin that fails: %v", err)
	}
	if got := r.calls(t, "one"); got != "ADD DEL" {
		t.Errorf("the other plugin was called with %q", got)
	}
	if err := os.Remove(filepath.Join(r.plugin, "two.log.fail")); err != nil {
		t.Fatal(err)
	}
	r.teardown(t, "a")
	for _, name := range []string{"one.log.DEL", "two.log.DEL"} {
		if got := read(name); !strings.Contains(got, `"prevResult"`) || !strings.Contains(got, "10.0.0.2/24") {
			t.Errorf("%s: %s", name, got)
		}
	}
	if log := read("two.log"); !strings.HasSuffix(strings.TrimSpace(log), "DEL "+idOf("a")+" eth0") {
		t.Errorf("DEL of a namespace that is gone: %s", log)
	}
	r.nothingLeft(t)
}

func TestReload(t *testing.T) {
	r := newRig(t)
	r.fake(t, "one", `echo "$conf $CNI_ARGS" >$log.$CNI_COMMAND; case $CNI_COMMAND in ADD) echo '`+answer("1.1.0", "eth0", "10.0.0.2/24")+
		`';; CHECK) echo '{"code":7,"msg":"not as it was"}'; exit 1;; esac`)
	var warnings []string
	r.driver.Warn = func(message string) { warnings = append(warnings, message) }
	r.open()
	r.configure(t, "a.conflist", `{"cniVersion":"1.1.0","name":"web","plugins":[{"type":"one"}]}`)
	r.mustSetup(t, network.Container{Name: "a"}, network.Attachment{Network: "web"})
	// What a container has left that nobody knows of any more.
	data, err := os.ReadFile(filepath.Join(r.driver.RunDir, "cni/results", "web-"+idOf("a")+"-eth0"))
	if err != nil {
		t.Fatal(err)
	}
	stale := strings.ReplaceAll(string(data), idOf("a"), idOf("b"))
	if err := os.WriteFile(filepath.Join(r.driver.RunDir, "cni/results", "web-"+idOf("b")+"-eth0"), []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "not as it was") {
		t.Errorf("warnings: %q", warnings)
	}
	if got, want := r.calls(t, "one"), "ADD DEL ADD CHECK DEL GC"; got != want {
		t.Errorf("calls: %q; want %q", got, want)
	}
	args, err := os.ReadFile(filepath.Join(r.plugin, "one.log.CHECK"))
	if err != nil || !strings.Contains(string(args), "IP=10.0.0.2") || !strings.Contains(string(args), "MAC=02:00:00:00:00:09") {
		t.Errorf("arguments: %s, %v", args, err)
	}
	gc, err := os.ReadFile(filepath.Join(r.plugin, "one.log.GC"))
	if err != nil || !strings.Contains(string(gc), `"cni.dev/valid-attachments":[{"containerID":"`+idOf("a")+`","ifname":"eth0"}]`) {
		t.Errorf("GC: %s, %v", gc, err)
	}
	r.teardown(t, "a")
	r.nothingLeft(t)
}

// TestWhatPluginsCannot is refused before a plugin is started, or when the result
// is not what was asked for.
func TestWhatPluginsCannot(t *testing.T) {
	r := newRig(t)
	r.fake(t, "one", "echo '"+answer("1.0.0", "eth0", "10.0.0.2/24")+"'")
	r.configure(t, "a.conflist", `{"cniVersion":"1.0.0","name":"web","plugins":[{"type":"one"}]}`)
	for _, tc := range []struct {
		c    network.Container
		a    network.Attachment
		want string
	}{
		{network.Container{Name: "a", Ports: []network.Port{{Container: 80}}}, network.Attachment{}, "none of its plugins maps ports"},
		{network.Container{Name: "a"}, network.Attachment{IP: netip.MustParseAddr("10.0.0.3")}, "have not given the address 10.0.0.3"},
		{network.Container{Name: "a"}, network.Attachment{MAC: "02:00:00:00:00:01"}, "have not given the address 02:00:00:00:00:01"},
		{network.Container{Name: "a"}, network.Attachment{IP: netip.MustParseAddr("10.0.0.2"), IP6: netip.MustParseAddr("fd00::2")}, "one address only"},
	} {
		tc.a.Network = "web"
		if _, err := r.setup(t, tc.c, tc.a); !errors.Is(err, errclass.Unsupported) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v; want %q", err, tc.want)
		}
	}
	r.nothingLeft(t)
}

// TestCancelled ends the plugins with their caller's patience.
func TestCancelled(t *testing.T) {
	r := newRig(t)
	r.fake(t, "one", `case $CNI_COMMAND in ADD) touch $log.began; sleep 1000; touch $log.ended;; esac`)
	r.configure(t, "a.conflist", `{"cniVersion":"1.0.0","name":"web","plugins":[{"type":"one"}]}`)
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for {
			if _, err := os.Stat(filepath.Join(r.plugin, "one.log.began")); err == nil {
				cancel(enough)
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	_, err := r.Setup(ctx, network.Container{ID: idOf("a")}, []network.Attachment{{Network: "web"}})
	if !errors.Is(err, enough) {
		t.Error(err)
	}
	if got := r.calls(t, "one"); got != "ADD DEL" {
		t.Errorf("calls: %q", got)
	}
	r.nothingLeft(t)
}
