// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/events"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libexec/network"
	"github.com/tug-containers/tug/libexec/network/cni"
	"github.com/tug-containers/tug/libstorage"
)

// Networks are the networks of a store, and those of CNI. The resolver is the file of
// tug-dns, for who puts containers there.
func Networks(store places, config network.Config, resolver string, debug func(message string)) *network.Set {
	runDir := filepath.Join(store.RunRoot(), "tug")
	plugins := cni.Driver{
		ConfigDirs: config.CNIConfigDirs, PluginDirs: config.CNIPluginDirs, RunDir: runDir,
		Program: []string{Sibling("network"), cni.Command}, Warn: config.Warn,
	}
	if len(plugins.ConfigDirs) == 0 {
		plugins.ConfigDirs = cni.ConfigDirs()
	}
	if len(plugins.PluginDirs) == 0 {
		plugins.PluginDirs = cni.PluginDirs()
	}
	return network.Open(network.Options{
		Dir: filepath.Join(store.Root(), "tug", "networks"), RunDir: runDir,
		Default: config.Default, Subnet: config.Subnet, Pools: config.Pools, Debug: debug,
		Resolver: resolver, Drivers: []network.Driver{plugins}, Path: os.Getenv("PATH"),
	})
}

// NetworkConfig reads what containers.conf says about networks.
func NetworkConfig() (network.Config, error) {
	return network.ReadConfig(ConfigFiles())
}

// networkConfig reads it once.
func (l *launcher) networkConfig() (network.Config, error) {
	if l.networks == nil {
		config, err := NetworkConfig()
		if err != nil {
			return config, err
		}
		l.networks = &config
	}
	return *l.networks, nil
}

// The networks that are a word, and no network's name.
const (
	NetworkNone    = "none"
	NetworkHost    = "host"
	NetworkPrivate = "private" // the default
	NetworkBridge  = "bridge"  // the default network
)

// claimNetworks decides which networks the container has, before it is made.
// Afterwards its record says so, whatever containers.conf says then.
func (l *launcher) claimNetworks(ctx context.Context) error {
	o := l.o
	config, err := l.networkConfig()
	if err != nil {
		return err
	}
	if len(o.Networks) == 0 && o.NetworkOf == "" && o.Exec.Network == (libexec.Namespace{}) {
		if err := o.defaultNetwork(&config); err != nil {
			return err
		}
	}
	set := Networks(l.store, config, "", o.Exec.Debug)
	for i := range o.Networks {
		want := &o.Networks[i]
		if want.Network == NetworkPrivate {
			want.Network = private()
		}
		switch {
		case want.Network == network.Pasta:
			want.Options = append(config.PastaOptions[:len(config.PastaOptions):len(config.PastaOptions)], want.Options...)
			continue
		case !network.Allowed():
			return errclass.New(errclass.Unsupported, want.Network, fmt.Errorf(
				"network %s: only root can put containers there: users have %s, none and host", want.Network, network.Pasta))
		case want.Network == NetworkBridge && config.Default != "":
			want.Network = config.Default
		}
		if want.Network == set.DefaultName() {
			continue // it is made when it is needed
		}
		n, err := set.Lookup(want.Network)
		if err != nil {
			return err
		}
		if want.Network = n.Name; slices.ContainsFunc(o.Networks[:i], func(a network.Attachment) bool { return a.Network == n.Name }) {
			return errclass.New(errclass.Usage, n.Name, fmt.Errorf("network %s: it is asked for twice", n.Name))
		}
	}
	if err := l.claimNetworkOf(ctx); err != nil {
		return err
	}
	if err := l.claimPorts(); err != nil {
		return err
	}
	o.Exec.NoHosts = o.Exec.NoHosts || config.NoHosts
	dns := &o.Exec.DNS
	for to, from := range map[*[]string][]string{&dns.Servers: config.DNSServers, &dns.Search: config.DNSSearches, &dns.Options: config.DNSOptions} {
		if len(*to) == 0 {
			*to = from
		}
	}
	return nil
}

// private is the network of a container that asks for none. Only root can make a
// bridge.
func private() string {
	if network.Allowed() {
		return NetworkBridge
	}
	return network.Pasta
}

// defaultNetwork is for a container that asks for none.
func (o *Options) defaultNetwork(config *network.Config) error {
	mode, options, _ := strings.Cut(config.Mode, ":")
	switch mode {
	case "", NetworkPrivate:
		mode = NetworkPrivate
	case network.Pasta:
		o.Networks = []network.Attachment{network.PastaAttachment(options)}
		return nil
	}
	if options != "" {
		return errclass.New(errclass.Unsupported, config.Mode, fmt.Errorf("containers.conf: netns %q: not supported as the default", config.Mode))
	}
	switch mode {
	case NetworkNone:
		o.Exec.Network.Mode = libexec.NoneMode
	case NetworkHost:
		o.Exec.Network.Mode = libexec.HostMode
	default:
		o.Networks = []network.Attachment{{Network: mode}}
	}
	return nil
}

// claimNetworkOf finds the container whose network this one is to have.
func (l *launcher) claimNetworkOf(ctx context.Context) error {
	if l.o.NetworkOf == "" {
		return nil
	}
	info, err := l.store.Container(ctx, l.o.NetworkOf)
	if err == nil {
		err = info.Err
	}
	if err != nil {
		return fmt.Errorf("--network container:%s: %w", l.o.NetworkOf, err)
	}
	l.o.NetworkOf = info.Record.ID
	return nil
}

// claimPorts adds the ports that the image exposes, where all are to be
// published.
func (l *launcher) claimPorts() error {
	o := l.o
	if (o.PublishAll || len(o.Ports) > 0) && len(o.Networks) == 0 {
		return errclass.New(errclass.Usage, "--publish", errors.New("--publish: the container has no network of its own"))
	}
	if !o.PublishAll {
		return nil
	}
	exposed := o.Expose
	for declared := range l.config.ExposedPorts {
		ports, err := network.ParseExposed(declared)
		if err != nil {
			return errclass.New(errclass.Verification, declared, fmt.Errorf("image: exposed port: %w", err))
		}
		exposed = append(exposed, ports)
	}
	slices.SortFunc(exposed, func(a, b network.Port) int {
		if a.Protocol != b.Protocol {
			return strings.Compare(a.Protocol, b.Protocol)
		}
		return int(a.Container) - int(b.Container)
	})
	for _, p := range exposed {
		if !slices.ContainsFunc(o.Ports, func(q network.Port) bool { return q.Covers(p) }) {
			o.Ports = append(o.Ports, p)
		}
	}
	return nil
}

// network puts the container on its networks, and says in the options how its
// configuration knows them. It may run while the root file system is mounted.
func (l *launcher) network(ctx context.Context) error {
	o := l.o
	if o.NetworkOf != "" {
		return l.borrowNetwork(ctx)
	}
	if len(o.Networks) == 0 {
		return nil
	}
	config, err := l.networkConfig()
	if err != nil {
		return err
	}
	set := Networks(l.store, config, o.Programs.Resolver, o.Exec.Debug)
	c := network.Container{ID: l.container.ID(), Name: l.container.Name(), Hostname: o.Exec.Hostname, Ports: o.Ports, DNS: addresses(o.Exec.DNS.Servers)}
	if c.Hostname == "" {
		c.Hostname = c.ID[:12]
	}
	on, err := set.Setup(ctx, c, o.Networks)
	if err != nil {
		return err
	}
	e := &o.Exec
	e.Network, e.OwnNetwork = libexec.Namespace{Mode: libexec.PathMode, Path: set.NetnsPath(c.ID)}, true
	e.Addresses, e.HostAddress = nil, ""
	l.joined, l.set = on, set
	for _, j := range on {
		for _, p := range j.Addresses {
			e.Addresses = append(e.Addresses, p.Addr().String())
		}
		// On macvlan the gateway is that of a router.
		if e.HostAddress == "" && j.HostAddress.IsValid() {
			e.HostAddress = j.HostAddress.String()
		} else if e.HostAddress == "" && len(j.Gateways) > 0 && j.Driver != network.Macvlan && j.Driver != network.Pasta {
			e.HostAddress = j.Gateways[0].String()
		}
		noteNetwork(l.store, "connect", &j)
	}
	e.DNS = knowing(e.DNS, on)
	return nil
}

// knowing adds what networks say of name servers to what a container asked for. A
// resolver of ours asks the container's own servers for what it does not know.
func knowing(dns libexec.DNS, on []network.Joined) libexec.DNS {
	var servers []string
	names := false
	for i := range on {
		names = names || on[i].DNS
		servers = append(servers, texts(on[i].Nameservers)...)
		for _, domain := range on[i].Search {
			if !slices.Contains(dns.First, domain) {
				dns.First = append(dns.First, domain)
			}
		}
	}
	if names || len(dns.Servers) == 0 {
		dns.Servers = servers
	}
	return dns
}

func addresses(list []string) (all []netip.Addr) {
	for _, s := range list {
		if a, err := netip.ParseAddr(s); err == nil {
			all = append(all, a)
		}
	}
	return all
}

func texts(list []netip.Addr) (all []string) {
	for _, a := range list {
		all = append(all, a.String())
	}
	return all
}

// borrowNetwork gives the container the network of another one, that runs.
func (l *launcher) borrowNetwork(ctx context.Context) error {
	id := l.o.NetworkOf
	info, err := l.store.Container(ctx, id)
	if err == nil {
		err = info.Err
	}
	if err != nil {
		return fmt.Errorf("network of container %s: %w", id, err)
	}
	if info.Record.State() != libstorage.Running {
		return errclass.New(errclass.Conflict, id, fmt.Errorf("network of container %s: it does not run", id))
	}
	l.o.Exec.Network = libexec.Namespace{Mode: libexec.PathMode, Path: fmt.Sprintf("/proc/%d/ns/net", info.Record.Pid)}
	l.o.Exec.HostsFrom = info.RunDir
	return nil
}

func (l *launcher) leaveNetworks(ctx context.Context) error {
	o := l.o
	if len(o.Networks) == 0 && (o.NetworkOf != "" || o.Exec.Network.Mode != "") {
		return nil // it can be put on none: see own
	}
	info := l.info()
	return leaveNetworks(ctx, l.store, &info)
}

// leaveNetworks takes a container off its networks. One that is on none costs a
// look into a directory.
func leaveNetworks(ctx context.Context, store places, c *libstorage.ContainerInfo) error {
	set := Networks(store, network.Config{}, "", nil)
	on, _ := set.Of(c.Record.ID) // what cannot be read is torn down as well
	if err := set.Teardown(context.WithoutCancel(ctx), c.Record.ID); err != nil {
		return err
	}
	for i := range on {
		noteNetwork(store, "disconnect", &on[i])
	}
	return forget(context.WithoutCancel(ctx), store, set, on)
}

// noteNetwork writes down that a container has come or gone.
func noteNetwork(store places, action string, j *network.Joined) {
	_ = events.Append(events.Path(store.Root()), events.Event{
		Type: events.Network, Action: action, ID: j.Container.ID, Name: j.Container.Name, Network: j.Network,
	})
}
