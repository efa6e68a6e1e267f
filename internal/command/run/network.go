// SPDX-License-Identifier: Apache-2.0

package run

import (
	"net/netip"
	"strings"

	"github.com/spf13/pflag"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libexec/network"
)

// networks are the options of the network.
type networks struct {
	on, aliases         []string
	ip, ip6, mac        string
	publish, expose     []string
	publishAll          bool
	addHosts            []string
	servers, search     []string
	options             []string
	noHosts, noHostname bool
}

func (f *flags) registerNetworks(s *pflag.FlagSet) {
	n := &f.net
	s.StringArrayVar(&n.on, "network", nil, "`NETWORK` of the container: a name with :ip=,ip6=,mac=,alias=,interface_name=, or bridge, none, host, private, container:NAME, ns:PATH, pasta[:OPTION,...]; can be repeated (default: bridge for root, else pasta)")
	s.StringArrayVar(&n.aliases, "network-alias", nil, "Another `NAME` by which the containers of its networks find it; can be repeated")
	s.StringVar(&n.ip, "ip", "", "IPv4 `ADDRESS` on its network (default: a free one)")
	s.StringVar(&n.ip6, "ip6", "", "IPv6 `ADDRESS` on its network (default: a free one)")
	s.StringVar(&n.mac, "mac-address", "", "Hardware `ADDRESS` on its network (default: one that follows from the other)")
	s.StringArrayVarP(&n.publish, "publish", "p", nil, "Lead a port of the host to one of the container, `[[IP:][HOSTPORT]:]PORT[/PROTOCOL]`; can be ranges, and repeated")
	s.BoolVarP(&n.publishAll, "publish-all", "P", false, "Publish all ports that the image exposes, at free ports of the host")
	s.StringArrayVar(&n.expose, "expose", nil, "`PORT[/PROTOCOL]` that --publish-all publishes too; can be a range, and repeated")
	s.StringArrayVar(&n.servers, "dns", nil, "`ADDRESS` of a DNS server (default: the network's, or the host's); can be repeated")
	s.StringArrayVar(&n.search, "dns-search", nil, "`DOMAIN` in which names are looked for, . for none (default: the host's); can be repeated")
	s.StringArrayVar(&n.options, "dns-option", nil, "`OPTION` of the resolver (default: the host's); can be repeated")
	s.StringArrayVar(&n.addHosts, "add-host", nil, "Line of /etc/hosts, `NAME:ADDRESS`; host-gateway is the host's address; can be repeated")
	s.BoolVar(&n.noHosts, "no-hosts", false, "Leave /etc/hosts as the image has it")
	s.BoolVar(&n.noHostname, "no-hostname", false, "Leave /etc/hostname as the image has it")
}

// networks reads what is about the network.
func (f *flags) networks(o *launch.Options, _ []string) error {
	n := &f.net
	e := &o.Exec
	for _, value := range n.addHosts {
		host, err := parseHost(value)
		if err != nil {
			return err
		}
		e.ExtraHosts = append(e.ExtraHosts, host)
	}
	if e.NoHosts, e.NoHostname = n.noHosts, n.noHostname; n.noHosts && len(n.addHosts) > 0 {
		return cli.UsageError("--no-hosts", "--no-hosts and --add-host exclude each other")
	}
	e.DNS = libexec.DNS{Servers: n.servers, Search: n.search, Options: n.options}
	if len(n.servers) == 1 && n.servers[0] == "none" {
		return unsupported("--dns", "--dns none is not supported by this version: mount a file at /etc/resolv.conf")
	}
	if err := n.attach(o); err != nil {
		return err
	}
	if err := n.ports(o); err != nil {
		return err
	}
	return n.single(o)
}

// attach reads --network.
func (n *networks) attach(o *launch.Options) error {
	var words []string
	for _, value := range n.on {
		if name, _, _ := strings.Cut(value, ":"); name == network.Pasta {
			words = append(words, value) // all of its commas are between options
			continue
		}
		for name := range strings.SplitSeq(value, ",") {
			// A comma that is not between networks is between options of one.
			if key, _, option := strings.Cut(name, "="); option && !strings.Contains(key, ":") && len(words) > 0 {
				words[len(words)-1] += "," + name
				continue
			}
			words = append(words, name)
		}
	}
	for _, word := range words {
		name, rest, _ := strings.Cut(word, ":")
		alone := true
		switch name {
		case "none", "host", "ns":
			var err error
			if o.Exec.Network, err = parseNamespace("--network", word, "none", "host"); err != nil {
				return err
			}
		case "container":
			if o.NetworkOf = rest; rest == "" {
				return cli.UsageError("--network", "--network %q: no container", word)
			}
		case network.Pasta:
			o.Networks = append(o.Networks, network.PastaAttachment(rest))
		case "slirp4netns":
			return unsupported("--network", "--network %q is not supported by this version", word)
		case "private", "default":
			if rest != "" {
				return cli.UsageError("--network", "--network %q: %s has no options", word, name)
			}
			alone, word = false, launch.NetworkPrivate
			fallthrough
		default:
			a, err := network.ParseAttachment(word)
			if err != nil {
				return err
			}
			o.Networks, alone = append(o.Networks, a), false
		}
		if alone && len(words) > 1 {
			return cli.UsageError("--network", "--network %s: not together with another network", word)
		}
	}
	return nil
}

// ports reads what is published.
func (n *networks) ports(o *launch.Options) error {
	for _, value := range n.publish {
		p, err := network.ParsePort(value)
		if err != nil {
			return err
		}
		o.Ports = append(o.Ports, p)
	}
	for _, value := range n.expose {
		p, err := network.ParseExposed(value)
		if err != nil {
			return err
		}
		o.Expose = append(o.Expose, p)
	}
	o.PublishAll = n.publishAll
	return nil
}

// single is for options that are about the one network of the container.
func (n *networks) single(o *launch.Options) error {
	flag := ""
	// The alias first: what is an address wins.
	for _, option := range []struct {
		name  string
		given bool
	}{{"--network-alias", len(n.aliases) > 0}, {"--mac-address", n.mac != ""}, {"--ip6", n.ip6 != ""}, {"--ip", n.ip != ""}} {
		if option.given {
			flag = option.name
		}
	}
	own := o.Exec.Network != (libexec.Namespace{}) || o.NetworkOf != ""
	if len(n.publish) > 0 || n.publishAll {
		if own {
			return cli.UsageError("--publish", "--publish: the container has no network of its own")
		}
	}
	if flag == "" {
		return nil
	}
	switch {
	case own:
		return cli.UsageError(flag, "%s: the container has no network of its own", flag)
	case len(o.Networks) == 0:
		o.Networks = []network.Attachment{{Network: launch.NetworkPrivate}}
	case len(o.Networks) > 1 && flag != "--network-alias":
		return cli.UsageError(flag, "%s: the container is on more than one network: give it with --network NAME:ip=,ip6=,mac=", flag)
	}
	a := &o.Networks[0]
	for _, v := range []struct {
		flag, text string
		kind       func(netip.Addr) bool
		to         *netip.Addr
	}{{"--ip", n.ip, netip.Addr.Is4, &a.IP}, {"--ip6", n.ip6, netip.Addr.Is6, &a.IP6}} {
		if v.text == "" {
			continue // --network may have said it
		}
		ip, err := cli.ParseAddress(v.flag, v.text, v.kind)
		if err != nil {
			return err
		}
		*v.to = ip
	}
	if n.mac != "" {
		a.MAC = n.mac
	}
	for i := range o.Networks {
		o.Networks[i].Aliases = append(o.Networks[i].Aliases, n.aliases...)
		if err := o.Networks[i].Check(); err != nil {
			return err
		}
	}
	return nil
}
