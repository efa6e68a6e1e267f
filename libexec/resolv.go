// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
)

// resolvConf is the host's. Where the container has another network namespace,
// a server on the host's loopback device is of no use and is left out.
func (b *builder) resolvConf() (string, error) {
	if b.opts.HostsFrom != "" {
		return readHostFile(filepath.Join(b.opts.HostsFrom, "resolv.conf"))
	}
	return resolvConf(&b.opts.DNS, b.opts.Network.Mode == HostMode)
}

// ResolvConf is what a container with a network namespace of its own has in
// /etc/resolv.conf.
func ResolvConf(dns DNS) (string, error) { return resolvConf(&dns, false) }

func resolvConf(dns *DNS, host bool) (string, error) {
	conf, err := hostResolvConf(host)
	if err != nil {
		return "", err
	}
	return dns.over(conf), nil
}

func hostResolvConf(host bool) (string, error) {
	conf, err := readHostFile("/etc/resolv.conf")
	if err != nil || host {
		return conf, err
	}
	kept, servers := withoutLoopback(conf)
	if servers > 0 {
		return kept, nil
	}
	if direct, err := readHostFile("/run/systemd/resolve/resolv.conf"); err == nil && direct != "" {
		kept, _ = withoutLoopback(direct)
	}
	return kept, nil
}

func withoutLoopback(conf string) (kept string, servers int) {
	var s strings.Builder
	for line := range strings.Lines(conf) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "nameserver" {
			if address, err := netip.ParseAddr(fields[1]); err == nil && address.IsLoopback() {
				continue
			}
			servers++
		}
		s.WriteString(line)
	}
	return s.String(), servers
}

// over puts what was asked for in the place of the lines of that kind.
func (d *DNS) over(conf string) string {
	var s strings.Builder
	search := d.Search
	for line := range strings.Lines(conf) {
		fields := strings.Fields(line)
		word := ""
		if len(fields) > 0 {
			word = fields[0]
		}
		switch {
		case word == "nameserver" && len(d.Servers) > 0:
		case (word == "search" || word == "domain") && len(d.Search)+len(d.First) > 0:
			if len(d.Search) == 0 {
				search = fields[1:]
			}
		case word == "options" && len(d.Options) > 0:
		default:
			s.WriteString(line)
		}
	}
	text := s.String()
	line := func(words ...string) {
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		text += strings.Join(words, " ") + "\n"
	}
	search = slices.DeleteFunc(slices.Concat(d.First, search), func(domain string) bool { return domain == "." })
	if len(d.Search)+len(d.First) > 0 && len(search) > 0 {
		line(append([]string{"search"}, search...)...)
	}
	for _, server := range d.Servers {
		line("nameserver", server)
	}
	if len(d.Options) > 0 {
		line(append([]string{"options"}, d.Options...)...)
	}
	return text
}

// check refuses what could be more than one word, or line, of the file.
func (d *DNS) check() error {
	for _, server := range d.Servers {
		if _, err := netip.ParseAddr(server); err != nil {
			return optionError("--dns", "DNS server %q: not an address", shorten(server))
		}
	}
	for _, domain := range d.Search {
		if domain != "." && !validHostname(strings.TrimSuffix(domain, ".")) {
			return optionError("--dns-search", "search domain %q: not a domain", shorten(domain))
		}
	}
	for _, option := range d.Options {
		if option == "" || !onlyBytes(option, "_-:.") {
			return optionError("--dns-option", "resolver option %q: not one", shorten(option))
		}
	}
	return nil
}
