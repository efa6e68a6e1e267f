// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/tug-containers/tug/internal/errclass"
)

// Pasta is the network, and the driver, of pasta(1): a process for each container
// that carries its packets to sockets of the host. It needs no right on the host
// but that of opening /dev/net/tun.
const Pasta = "pasta"

// pastaDNS is where the container asks for names, when the host asks itself;
// pastaHost leads to the host, where pasta can do that.
const (
	pastaDNS  = "169.254.1.1"
	pastaHost = "169.254.1.2"
)

// These are what a pasta without --map-guest-addr gives a container: one that had
// the host's own address could not reach the host.
const (
	pastaAddress = "10.0.2.15"
	pastaGateway = "10.0.2.2"
)

// pasta is its Driver.
type pasta struct {
	runDir string
	path   string // PATH of the environment
}

// pastaState is what the driver keeps: the process.
type pastaState struct {
	Pid     int      `json:"pid"`
	Options []string `json:"options,omitzero"`
}

func (p *pasta) Name() string { return Pasta }

// pastaNetwork is the definition, which is in no file.
func pastaNetwork() Network { return Network{Format: format, Name: Pasta, ID: Pasta, Driver: Pasta} }

// Add starts the process. It ends with the namespace: it watches the file that
// the namespace is mounted at.
func (p *pasta) Add(ctx context.Context, _ *Network, want Attachment, j *Joined, keep func() error) error {
	if want.IP.IsValid() || want.IP6.IsValid() || want.MAC != "" {
		return errorf(errclass.Unsupported, Pasta, "network pasta: addresses are pasta's to give: use its options --address and --ns-mac-addr")
	}
	if len(want.Aliases) > 0 {
		return errorf(errclass.Unsupported, Pasta, "network pasta: the container is alone there: nobody finds it by the name %q", shorten(want.Aliases[0]))
	}
	if err := checkPastaOptions(want.Options); err != nil {
		return err
	}
	program, err := p.program()
	if err != nil {
		return err
	}
	ports, err := claimPorts(j.Container.Ports)
	if err != nil {
		return holder(p.runDir, err, j)
	}
	ports.close()
	j.Container.Ports = ports.list
	if j.Private, err = json.Marshal(pastaState{Options: want.Options}); err != nil {
		return err
	}
	if err := keep(); err != nil {
		return err
	}
	return p.start(ctx, program, want.Options, j)
}

// start starts the process and writes down what it has made.
func (p *pasta) start(ctx context.Context, program string, options []string, j *Joined) error {
	can, err := pastaAbilities(ctx, program)
	if err != nil {
		return err
	}
	args, host, err := p.arguments(can, options, j)
	if err != nil {
		return err
	}
	if err := runPasta(ctx, program, args); err != nil {
		return err
	}
	state := pastaState{Options: options}
	if state.Pid, err = p.pid(j); err != nil {
		return err
	}
	if j.Private, err = json.Marshal(state); err != nil {
		return err
	}
	j.HostAddress, j.Host = host, ""
	if onlyLoopbackDNS("/etc/resolv.conf") {
		j.Nameservers = []netip.Addr{netip.MustParseAddr(pastaDNS)}
	}
	return p.look(j)
}

// arguments are those of the process, and the host's address for the container.
// Whatever is not published is not to be reached, in either direction.
func (p *pasta) arguments(can abilities, options []string, j *Joined) (args []string, host netip.Addr, err error) {
	args = []string{"--config-net", "--quiet", "--pid", p.pidFile(j), "--ns-ifname", j.Interface, "--dns-forward", pastaDNS, "--no-map-gw"}
	own := ownAddress()
	switch {
	case given(options, "--map-gw"):
		args = args[:len(args)-1]
	case can["--map-guest-addr"] && !given(options, "--map-guest-addr"):
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
		if flag == "" {
			return nil, host, errorf(errclass.Unsupported, port.String(), "port %s: pasta knows tcp and udp alone", port)
		}
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
	return append(args, "--netns", j.Netns), host, nil
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
	if p.HostIP.IsValid() && !p.HostIP.IsUnspecified() {
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

// look notes what the container's interface has got.
func (p *pasta) look(j *Joined) error {
	return inNamespace(j.Netns, func(int) error {
		h, err := netlink.NewHandle()
		if err != nil {
			return err
		}
		defer h.Close()
		link, err := h.LinkByName(j.Interface)
		if err != nil {
			return fmt.Errorf("interface %s of pasta: %w", j.Interface, err)
		}
		j.MAC = link.Attrs().HardwareAddr.String()
		j.Addresses, j.Gateways = nil, nil
		addresses, err := h.AddrList(link, netlink.FAMILY_ALL)
		if err != nil {
			return err
		}
		for _, a := range addresses {
			if ip, ok := netip.AddrFromSlice(a.IP); ok && !ip.Unmap().IsLinkLocalUnicast() {
				ones, _ := a.Mask.Size()
				j.Addresses = append(j.Addresses, netip.PrefixFrom(ip.Unmap(), ones))
			}
		}
		routes, err := h.RouteList(link, netlink.FAMILY_ALL)
		for _, r := range routes {
			if ip, ok := netip.AddrFromSlice(r.Gw); ok && (r.Dst == nil || r.Dst.IP.IsUnspecified()) {
				j.Gateways = append(j.Gateways, ip.Unmap())
			}
		}
		return err
	})
}

// Remove ends the process.
func (p *pasta) Remove(ctx context.Context, j *Joined, _ bool) error {
	pid, err := p.pid(j)
	pids := []int{pid}
	if errors.Is(err, os.ErrNotExist) {
		pids = processesOf(j.Netns) // who started it may have been killed before it wrote its pid
	} else if err != nil {
		return err
	}
	for _, pid := range pids {
		if err := endPasta(ctx, pid, j.Netns); err != nil {
			return err
		}
	}
	return removeFile(p.pidFile(j))
}

// Reload starts those again that have ended before their container.
func (p *pasta) Reload(ctx context.Context, _ *Network, on []Joined) error {
	var errs []error
	for i := range on {
		j := &on[i]
		pid, err := p.pid(j)
		if err == nil && isPasta(pid, j.Netns) || !isNamespace(j.Netns) {
			continue
		}
		if err == nil {
			err = endPasta(ctx, pid, j.Netns)
		} else if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		var state pastaState
		program := ""
		if err == nil {
			program, err = p.program()
		}
		if err == nil && j.Private != nil {
			err = json.Unmarshal(j.Private, &state)
		}
		if err == nil {
			err = p.start(ctx, program, state.Options, j)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Drop has nothing to do: a network of pasta is its containers' alone.
func (p *pasta) Drop(context.Context, *Network) error { return nil }

func (p *pasta) pidFile(j *Joined) string {
	return filepath.Join(p.runDir, "networks", Pasta, j.Container.ID+".pid")
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

// onlyLoopbackDNS tells whether the host asks itself for names.
func onlyLoopbackDNS(file string) bool {
	data, err := readFile(file)
	if err != nil {
		return false
	}
	servers := 0
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		if ip, err := netip.ParseAddr(f[1]); err == nil && !ip.IsLoopback() {
			return false
		}
		servers++
	}
	return servers > 0
}
