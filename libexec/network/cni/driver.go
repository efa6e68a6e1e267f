// SPDX-License-Identifier: Apache-2.0

package cni

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libexec/network"
	"golang.org/x/sys/unix"
)

// Command is the argument with which tug-network is the program.
const Command = "cni"

// DefaultTimeout is how long one plugin may take.
const DefaultTimeout = time.Minute

// PluginDirs are where distributions and the project itself have plugins.
func PluginDirs() []string {
	return []string{"/usr/local/libexec/cni", "/usr/libexec/cni", "/usr/local/lib/cni", "/usr/lib/cni", "/opt/cni/bin"}
}

// ConfigDirs are where configurations are looked for.
func ConfigDirs() []string { return []string{"/etc/cni/net.d"} }

// Driver is a network.Driver and a network.Lister. It holds nothing.
type Driver struct {
	// ConfigDirs and PluginDirs are searched in their order.
	ConfigDirs, PluginDirs []string
	// RunDir is that of the Set. The results of plugins are kept in its "cni".
	RunDir string
	// Program is the command line of a program that calls plugin.Main.
	Program []string
	// Timeout is DefaultTimeout when it is 0.
	Timeout time.Duration
	// Warn, when not nil, hears what CHECK has found after a Reload. It is no error:
	// CHECK of portmap 1.1 finds fault with every container that has no IPv6.
	Warn func(message string)
}

// Name is that of the driver.
func (Driver) Name() string { return Name }

// private is what is kept for DEL.
type private struct {
	Config     json.RawMessage `json:"config"`
	Attachment Attachment      `json:"attachment"`
}

// Add has the plugins put a container on a network.
func (d Driver) Add(ctx context.Context, n *network.Network, want network.Attachment, j *network.Joined, keep func() error) error {
	c, err := d.find(n.Name)
	if err != nil {
		return err
	}
	a := Attachment{ContainerID: j.Container.ID, Netns: j.Netns, Interface: j.Interface}
	release, err := c.ask(&a, want, d.RunDir, j)
	if err != nil {
		return err
	}
	j.Private, err = json.Marshal(private{c.raw, a})
	if err == nil {
		err = keep()
	}
	if release(); err != nil {
		return err
	}
	r, err := d.call(ctx, n.Name, Request{Op: Add, Config: c.raw, Attachment: a})
	if err != nil {
		return err
	}
	for _, ip := range []netip.Addr{want.IP, want.IP6} {
		if ip.IsValid() && !slices.ContainsFunc(r.Addresses, func(p netip.Prefix) bool { return p.Addr() == ip }) {
			return errclass.New(errclass.Unsupported, n.Name, fmt.Errorf("network %s: its plugins have not given the address %s", n.Name, ip))
		}
	}
	if want.MAC != "" && !sameMAC(r.MAC, want.MAC) {
		return errclass.New(errclass.Unsupported, n.Name, fmt.Errorf("network %s: its plugins have not given the address %s", n.Name, want.MAC))
	}
	j.Addresses, j.Gateways, j.MAC = r.Addresses, r.Gateways, r.MAC
	j.Nameservers, j.Search = append(j.Nameservers, r.Nameservers...), r.Search
	return nil
}

// ask turns what a container wants into arguments, as podman gives them. The ports of
// the host are its own until release is called.
func (c *config) ask(a *Attachment, want network.Attachment, runDir string, j *network.Joined) (release func(), err error) {
	unsupported := func(what string) error {
		return errclass.New(errclass.Unsupported, c.Name, fmt.Errorf("network %s: %s", c.Name, what))
	}
	a.Args = [][2]string{{"IgnoreUnknown", "1"}, {"K8S_POD_NAME", j.Container.Name}}
	a.Capabilities = map[string]any{}
	var ips []string
	for _, ip := range []netip.Addr{want.IP, want.IP6} {
		if ip.IsValid() {
			ips = append(ips, ip.String())
			a.Args = append(a.Args, [2]string{"IP", ip.String()})
		}
	}
	if len(ips) > 1 {
		return nil, unsupported("its plugins can be asked for one address only")
	}
	if len(ips) > 0 && c.can("ips") {
		a.Capabilities["ips"] = ips
	}
	if want.MAC != "" {
		a.Args = append(a.Args, [2]string{"MAC", want.MAC})
		a.Capabilities["mac"] = want.MAC
	}
	if c.can("aliases") {
		a.Capabilities["aliases"] = map[string][]string{c.Name: slices.Concat([]string{j.Container.Name}, want.Aliases)}
	}
	if len(j.Container.Ports) == 0 {
		return func() {}, nil
	}
	if !c.can("portMappings") {
		return nil, unsupported("none of its plugins maps ports")
	}
	if release, err = network.ClaimPorts(runDir, j); err == nil {
		a.Capabilities["portMappings"] = mappings(j.Container.Ports)
	}
	return release, err
}

// A portMapping is the convention's, one port each.
type portMapping struct {
	HostPort      uint16 `json:"hostPort"`
	ContainerPort uint16 `json:"containerPort"`
	Protocol      string `json:"protocol"`
	HostIP        string `json:"hostIP,omitzero"`
}

// mappings spells ranges out.
func mappings(ports []network.Port) []portMapping {
	var list []portMapping
	for _, p := range ports {
		for i := range max(p.Range, 1) {
			m := portMapping{HostPort: p.Host + i, ContainerPort: p.Container + i, Protocol: p.Protocol}
			if p.HostIP.IsValid() {
				m.HostIP = p.HostIP.String()
			}
			list = append(list, m)
		}
	}
	return list
}

// Remove has the plugins undo it, with the arguments that they got.
func (d Driver) Remove(ctx context.Context, j *network.Joined, _ bool) error {
	if len(j.Private) == 0 && j.Interface != "" {
		return nil // nothing was begun
	}
	var p private
	if err := json.Unmarshal(j.Private, &p); err != nil || len(p.Config) == 0 {
		// The record was damaged: what the configuration says now may be the same.
		c, err := d.find(j.Network)
		if errors.Is(err, network.ErrUnknown) {
			return nil
		} else if err != nil {
			return err
		}
		p = private{c.raw, Attachment{ContainerID: j.Container.ID, Netns: j.Netns, Interface: "eth0"}}
	}
	if !isNamespace(p.Attachment.Netns) {
		p.Attachment.Netns = ""
	}
	_, err := d.call(ctx, j.Network, Request{Op: Del, Config: p.Config, Attachment: p.Attachment})
	return err
}

// Reload takes the containers off and puts them on again, with the addresses that
// they have: plugins have no other way to make rules anew. Attachments of
// containers that are gone are given up.
func (d Driver) Reload(ctx context.Context, n *network.Network, on []network.Joined) error {
	c, err := d.find(n.Name)
	if err != nil {
		return err
	}
	var errs error
	valid := make([]Attachment, 0, len(on))
	for i := range on {
		var p private
		if err := json.Unmarshal(on[i].Private, &p); err != nil {
			errs = errors.Join(errs, fmt.Errorf("container %s: %w", on[i].Container.ID, err))
			continue
		}
		valid = append(valid, Attachment{ContainerID: p.Attachment.ContainerID, Interface: p.Attachment.Interface})
		if on[i].Up {
			errs = errors.Join(errs, d.again(ctx, &on[i], p))
		}
	}
	if errs == nil {
		_, errs = d.call(ctx, n.Name, Request{Op: GC, Config: c.raw, Valid: valid})
	}
	return errs
}

func (d Driver) again(ctx context.Context, j *network.Joined, p private) error {
	// Half of it would leave a container without a network.
	ctx = context.WithoutCancel(ctx)
	a := p.Attachment
	a.Args = slices.DeleteFunc(slices.Clone(a.Args), func(arg [2]string) bool { return arg[0] == "IP" || arg[0] == "MAC" })
	for _, address := range j.Addresses {
		if address.Addr().Is4() || len(j.Addresses) == 1 {
			a.Args = append(a.Args, [2]string{"IP", address.Addr().String()})
		}
	}
	if j.MAC != "" {
		a.Args = append(a.Args, [2]string{"MAC", j.MAC})
	}
	if _, err := d.call(ctx, j.Network, Request{Op: Del, Config: p.Config, Attachment: p.Attachment}); err != nil {
		return err
	}
	r, err := d.call(ctx, j.Network, Request{Op: Add, Config: p.Config, Attachment: a})
	if err != nil {
		return err
	}
	if !slices.Equal(r.Addresses, j.Addresses) {
		return errclass.New(errclass.Internal, j.Network, fmt.Errorf("container %s: network %s has given it the addresses %s, where it had %s",
			j.Container.ID, j.Network, texts(r.Addresses), texts(j.Addresses)))
	}
	if _, err = d.call(ctx, j.Network, Request{Op: Check, Config: p.Config, Attachment: a}); err != nil && d.Warn != nil {
		d.Warn(fmt.Sprintf("container %s: %v", j.Container.ID, err))
	}
	return nil
}

// Drop has nothing to do: what a plugin makes for a network is the plugin's.
func (Driver) Drop(context.Context, *network.Network) error { return nil }

func isNamespace(path string) bool {
	var st unix.Statfs_t
	return path != "" && unix.Statfs(path, &st) == nil && st.Type == unix.NSFS_MAGIC
}

func texts(list []netip.Prefix) string {
	s := ""
	for i, p := range list {
		if i > 0 {
			s += " "
		}
		s += p.String()
	}
	return strconv.Quote(s)
}
