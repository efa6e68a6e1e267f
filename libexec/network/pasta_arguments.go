// SPDX-License-Identifier: Apache-2.0

package network

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
)

// arguments are those of the process, and the host's address for the container.
// Whatever is not published is not to be reached, in either direction.
func (p *pasta) arguments(can abilities, options []string, j *Joined) (args []string, host netip.Addr) {
	args = []string{"--config-net", "--quiet", "--pid", p.pidFile(j), "--ns-ifname", j.Interface}
	if !given(options, "--dns-forward") {
		args = append(args, "--dns-forward", pastaDNS)
	}
	if !given(options, "--map-gw") {
		args = append(args, "--no-map-gw")
	}
	own := ownAddress()
	switch {
	case given(options, "--map-gw"): // the gateway is the host
	case given(options, "--map-guest-addr"):
		host, _ = netip.ParseAddr(value(options, "--map-guest-addr")) // "none" is none
	case can.MapGuestAddr:
		args = append(args, "--map-guest-addr", pastaHost)
		host = netip.MustParseAddr(pastaHost)
	case own.IsValid() && !given(options, "-a", "--address", "-6", "--ipv6-only"):
		args = append(args, "--address", pastaAddress, "--netmask", "24", "--gateway", pastaGateway)
		host = own
	}
	if os.Getuid() == 0 && !inUserNamespace() {
		// It becomes nobody, who cannot enter the namespace.
		args = append(args, "--runas", "0:0")
	}
	published := map[string]bool{}
	for _, port := range j.Container.Ports {
		flag := map[string]string{"tcp": "-t", "udp": "-u"}[port.protocol()]
		published[flag] = true
		args = append(args, flag, port.pasta())
	}
	for _, flag := range []string{"-t", "-u", "-T", "-U"} {
		long := map[string]string{"-t": "--tcp-ports", "-u": "--udp-ports", "-T": "--tcp-ns", "-U": "--udp-ns"}[flag]
		if !published[flag] && !given(options, flag, long) {
			args = append(args, flag, "none")
		}
	}
	for _, o := range options {
		if o != "--map-gw" { // our word for leaving --no-map-gw out
			args = append(args, o)
		}
	}
	return append(args, "--netns", j.Netns), host
}

// pasta writes a port as -t and -u have it.
func (p *Port) pasta() string {
	ports := func(first uint16) string {
		if p.count() > 1 {
			return fmt.Sprintf("%d-%d", first, first+p.count()-1)
		}
		return fmt.Sprint(first)
	}
	s := ports(p.Host) + ":" + ports(p.Container)
	if p.HostIP.IsValid() {
		s = p.HostIP.String() + "/" + s
	}
	return s
}

// given tells whether an option is among those that the user chose.
func given(options []string, names ...string) bool {
	for _, o := range options {
		for _, name := range names {
			if o == name || strings.HasPrefix(o, name+"=") {
				return true
			}
		}
	}
	return false
}

// value is what an option is given, in one word or in two.
func value(options []string, name string) string {
	for i, o := range options {
		if v, ok := strings.CutPrefix(o, name+"="); ok {
			return v
		}
		if o == name && i+1 < len(options) {
			return options[i+1]
		}
	}
	return ""
}

// checkPastaOptions refuses those that would take the process out of our hands.
func checkPastaOptions(options []string) error {
	for _, name := range []string{
		"--netns", "--userns", "--netns-only", "--no-netns-quit", "-P", "--pid", "-f", "--foreground", "--runas", "-F", "--fd",
		"--ns-ifname", "-I", "--config-net", "-h", "--help", "--version", "",
	} {
		if given(options, name) {
			return errorf(errclass.Usage, Pasta, "network pasta: option %q is not the user's to give", name)
		}
	}
	return nil
}

// ownAddress is the host's address towards the world, for which no packet is
// sent; the zero value when it has none.
func ownAddress() netip.Addr {
	conn, err := net.Dial("udp4", "192.0.2.255:9")
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	at, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok || at.IP.IsLoopback() {
		return netip.Addr{}
	}
	return at.AddrPort().Addr().Unmap()
}

// asksItself tells whether the name server that the host asks first is on the host:
// pasta can ask it, the container cannot.
func asksItself(file string) bool {
	data, err := ondisk.ReadHost(file, fileLimit)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		if ip, err := netip.ParseAddr(f[1]); err == nil {
			return isOwn(ip)
		}
	}
	return false
}

// isOwn tells whether an address is one of the host. What can be bound is no answer:
// net.ipv4.ip_nonlocal_bind lets all be.
func isOwn(ip netip.Addr) bool {
	own, err := net.InterfaceAddrs()
	return ip.IsLoopback() || err == nil && slices.ContainsFunc(own, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr() == ip
	})
}
