// SPDX-License-Identifier: Apache-2.0

package network

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestPastaArguments(t *testing.T) {
	p := &pasta{runDir: "/r"}
	loop := netip.MustParseAddr("::1")
	for _, tc := range []struct {
		options string
		ports   []Port
		want    string
		host    string
	}{
		{want: "--dns-forward 169.254.1.1 --no-map-gw --map-guest-addr 169.254.1.2 -t none -u none -T none -U none", host: "169.254.1.2"},
		{options: "--map-gw", want: "--dns-forward 169.254.1.1 -t none -u none -T none -U none"},
		{
			options: "--map-guest-addr,192.0.2.9,--dns-forward=192.0.2.8,-t,9,--udp-ns,auto", host: "192.0.2.9",
			want: "--no-map-gw -u none -T none --map-guest-addr 192.0.2.9 --dns-forward=192.0.2.8 -t 9 --udp-ns auto",
		},
		{
			ports: []Port{{Host: 8080, Container: 80}, {HostIP: loop, Host: 9000, Container: 90, Range: 3, Protocol: "tcp"}, {Host: 53, Container: 53, Protocol: "udp"}}, host: "169.254.1.2",
			want: "--dns-forward 169.254.1.1 --no-map-gw --map-guest-addr 169.254.1.2 -t 8080:80 -t ::1/9000-9002:90-92 -u 53:53 -T none -U none",
		},
	} {
		j := &Joined{Interface: "eth0", Netns: "/n", Container: Container{ID: "0123456789ab", Ports: tc.ports}}
		got, host := p.arguments(abilities{MapGuestAddr: true}, PastaAttachment(tc.options).Options, j)
		if i := slices.Index(got, "--runas"); i >= 0 {
			got = slices.Delete(got, i, i+2)
		}
		want := "--config-net --quiet --pid /r/networks/pasta/0123456789ab.pid --ns-ifname eth0 " + tc.want + " --netns /n"
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s\nnot %s", tc.options, s, want)
		}
		if host.IsValid() != (tc.host != "") || host.IsValid() && host.String() != tc.host {
			t.Errorf("%s: the host is %s", tc.options, host)
		}
	}
}

func TestPastaOptionsRefused(t *testing.T) {
	for _, options := range []string{"--netns,/x", "--netns=/x", "--pid,/x", "-f", "--runas,0", "--mtu,1400,", "--config-net"} {
		if err := checkPastaOptions(PastaAttachment(options).Options); err == nil {
			t.Errorf("%q is accepted", options)
		}
	}
	if err := checkPastaOptions(PastaAttachment("--mtu,1400,-t,80,--map-gw").Options); err != nil {
		t.Error(err)
	}
}

func TestAsksItself(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	for text, want := range map[string]bool{
		"": false, "nameserver 192.0.2.253\nnameserver 127.0.0.1\n": false, "search x\nnameserver 127.0.0.53\nnameserver 192.0.2.253\n": true,
		"nameserver x\n": false, "nameserver ::1\n": true,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := asksItself(file); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
