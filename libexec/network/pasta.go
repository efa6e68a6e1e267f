// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
)

// Pasta is the network, and the driver, of pasta(1): a process for each container
// that carries its packets to sockets of the host. It needs no right on the host
// but that of opening /dev/net/tun.
const Pasta = "pasta"

// PastaAttachment has options separated by commas.
func PastaAttachment(options string) Attachment {
	a := Attachment{Network: Pasta}
	if options != "" {
		a.Options = strings.Split(options, ",")
	}
	return a
}

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

const noDAD = "net/ipv6/conf/default/accept_dad"

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
	for _, port := range j.Container.Ports {
		if p := port.protocol(); p != "tcp" && p != "udp" {
			return errorf(errclass.Unsupported, port.String(), "port %s: pasta knows tcp and udp alone", port)
		}
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
	can, err := p.abilities(ctx, program)
	if err != nil {
		return err
	}
	args, host := p.arguments(can, options, j)
	// Nobody else is on that wire: its addresses need not be asked for, which takes a
	// second.
	err = inNamespace(j.Netns, func(int) error {
		if getSysctl(noDAD) == "" {
			return nil // no IPv6
		}
		return setSysctl(noDAD, "0")
	})
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
	if dns, err := netip.ParseAddr(value(options, "--dns-forward")); err == nil {
		j.Nameservers = []netip.Addr{dns}
	} else if asksItself("/etc/resolv.conf") {
		j.Nameservers = []netip.Addr{netip.MustParseAddr(pastaDNS)}
	}
	if err := p.look(j); err != nil {
		return err
	}
	if given(options, "--map-gw") && len(j.Gateways) > 0 {
		j.HostAddress = j.Gateways[0]
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
		addresses, err := dump(func() ([]netlink.Addr, error) { return h.AddrList(link, netlink.FAMILY_ALL) })
		if err != nil {
			return err
		}
		for _, a := range addresses {
			if ip, ok := netip.AddrFromSlice(a.IP); ok && !ip.Unmap().IsLinkLocalUnicast() {
				ones, _ := a.Mask.Size()
				j.Addresses = append(j.Addresses, netip.PrefixFrom(ip.Unmap(), ones))
			}
		}
		routes, err := dump(func() ([]netlink.Route, error) { return h.RouteList(link, netlink.FAMILY_ALL) })
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
	return ondisk.Remove(p.pidFile(j))
}

// Reload starts those again that have ended before their container.
func (p *pasta) Reload(ctx context.Context, _ *Network, on []Joined) error {
	var errs []error
	for i := range on {
		j := &on[i]
		if !j.Up {
			continue // who starts it is at it
		}
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
