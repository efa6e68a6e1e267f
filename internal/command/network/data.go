// SPDX-License-Identifier: Apache-2.0

package network

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"

	networks "github.com/tug-containers/tug/libexec/network"
)

// Data is what --format sees of a network, and what its JSON has, as podman's.
type Data struct {
	Name              string               `json:"name"`
	ID                string               `json:"id"`
	Driver            string               `json:"driver"`
	NetworkInterface  string               `json:"network_interface,omitempty"`
	Created           time.Time            `json:"created"`
	Subnets           []networks.Subnet    `json:"subnets,omitempty"`
	Routes            []networks.Route     `json:"routes,omitempty"`
	IPv6Enabled       bool                 `json:"ipv6_enabled"`
	Internal          bool                 `json:"internal"`
	DNSEnabled        bool                 `json:"dns_enabled"`
	NetworkDNSServers []netip.Addr         `json:"network_dns_servers,omitempty"`
	Labels            map[string]string    `json:"labels,omitempty"`
	Options           map[string]string    `json:"options,omitempty"`
	IPAMOptions       map[string]string    `json:"ipam_options,omitempty"`
	Containers        map[string]Container `json:"containers,omitempty"`
	// Damage is why its definition cannot be read.
	Damage string `json:"damage,omitempty"`
}

// Container is one on a network, by its ID.
type Container struct {
	Name       string               `json:"name"`
	Interfaces map[string]Interface `json:"interfaces"`
}

// Interface is what a container has on a network.
type Interface struct {
	Subnets    []Address `json:"subnets,omitempty"`
	MacAddress string    `json:"mac_address"`
}

// Address is one of an interface.
type Address struct {
	IPNet   netip.Prefix `json:"ipnet"`
	Gateway string       `json:"gateway,omitempty"`
}

// describe says what is known of a network.
func describe(n *networks.Network) Data {
	d := Data{
		Name: n.Name, ID: n.ID, Driver: n.Driver, NetworkInterface: n.Interface, Created: n.Created, Subnets: n.Subnets,
		Routes: n.Routes, IPv6Enabled: n.IPv6, Internal: n.Internal, DNSEnabled: n.DNS, NetworkDNSServers: n.DNSServers,
		Labels: n.Labels, Options: map[string]string{}, IPAMOptions: map[string]string{"driver": hostLocal},
	}
	if n.NoAddresses {
		d.IPAMOptions["driver"] = noIPAM
	}
	for name, value := range n.Options {
		d.Options[name] = value
	}
	for name, value := range map[string]int{"mtu": n.MTU, "vlan": n.VLAN, "metric": n.Metric} {
		if value != 0 {
			d.Options[name] = strconv.Itoa(value)
		}
	}
	if n.NoDefaultRoute {
		d.Options["no_default_route"] = "true"
	}
	switch {
	case n.IsolateAll:
		d.Options["isolate"] = "strict"
	case n.Isolate:
		d.Options["isolate"] = "true"
	}
	if n.Err != nil {
		d.Damage = n.Err.Error()
	}
	return d
}

// members are the containers on a network.
func (w *world) members(n *networks.Network) (map[string]Container, error) {
	on, err := w.set.On(n.Name)
	if err != nil {
		return nil, fmt.Errorf("network %s: %w", n.Name, err)
	}
	members := map[string]Container{}
	for i := range on {
		j := &on[i]
		if !j.Up {
			continue
		}
		inter := Interface{MacAddress: j.MAC}
		for _, p := range j.Addresses {
			a := Address{IPNet: p}
			for _, g := range j.Gateways {
				if p.Contains(g) {
					a.Gateway = g.String()
				}
			}
			inter.Subnets = append(inter.Subnets, a)
		}
		members[j.Container.ID] = Container{Name: j.Container.Name, Interfaces: map[string]Interface{j.Interface: inter}}
	}
	return members, nil
}
