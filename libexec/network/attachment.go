// SPDX-License-Identifier: Apache-2.0

package network

import (
	"encoding/json"
	"net/netip"
)

// Container is what a network knows of a container.
type Container struct {
	ID       string `json:"id"`
	Name     string `json:"name,omitzero"`
	Hostname string `json:"hostname,omitzero"`
	// DNS are asked for names that the container's networks do not know, instead of
	// the networks' own and the host's.
	DNS []netip.Addr `json:"dns,omitzero"`
	// Ports are mapped to the first network that can.
	Ports []Port `json:"ports,omitzero"`
}

// Attachment is how a container asks to be on a network. Zero values are chosen.
type Attachment struct {
	// Network is a name.
	Network string `json:"network"`
	// Interface is its name in the container.
	Interface string     `json:"interface,omitzero"`
	IP        netip.Addr `json:"ip,omitzero"`
	IP6       netip.Addr `json:"ip6,omitzero"`
	// MAC is as in 02:00:00:00:00:01.
	MAC     string   `json:"mac,omitzero"`
	Aliases []string `json:"aliases,omitzero"`
	// Options are for the driver: those of pasta.
	Options []string `json:"options,omitzero"`
}

// Port is ports of the host that lead to as many of the container.
type Port struct {
	// HostIP is an address of the host; the zero value is all of them.
	HostIP netip.Addr `json:"host_ip"`
	// Host is 0 for one that is free.
	Host      uint16 `json:"host_port"`
	Container uint16 `json:"container_port"`
	// Range is how many, from these on; 0 is 1.
	Range uint16 `json:"range"`
	// Protocol is tcp, udp or sctp; empty is tcp.
	Protocol string `json:"protocol"`
}

// Joined says that a container is on a network, and how. It is what is on disk,
// and complete when Up.
type Joined struct {
	Format    int       `json:"format"`
	Network   string    `json:"network"`
	NetworkID string    `json:"network_id"`
	Driver    string    `json:"driver"`
	Container Container `json:"container"`
	// Netns is the path of the container's namespace.
	Netns     string `json:"netns"`
	Interface string `json:"interface"`
	// Host is the other end, on the host, and Bridge what it is a port of.
	Host   string `json:"host,omitzero"`
	Bridge string `json:"bridge,omitzero"`
	MAC    string `json:"mac,omitzero"`
	// Addresses are with the length of their subnet, and Gateways the next hops for
	// everything else.
	Addresses []netip.Prefix `json:"addresses,omitzero"`
	Gateways  []netip.Addr   `json:"gateways,omitzero"`
	// HostAddress leads to the host, where that is no gateway.
	HostAddress netip.Addr `json:"host_address,omitzero"`
	Aliases     []string   `json:"aliases,omitzero"`
	// DNS tells that names are resolved on the network.
	DNS bool `json:"dns,omitzero"`
	// Nameservers are those to ask: with DNS the network's own.
	Nameservers []netip.Addr `json:"nameservers,omitzero"`
	Search      []string     `json:"search,omitzero"`
	// Order is which of the container's networks it is, from 0.
	Order int `json:"order,omitzero"`
	// Up says that it was completed. What is not up is being made, or is left of a
	// process that was killed.
	Up bool `json:"up"`
	// Private is what the driver keeps for itself.
	Private json.RawMessage `json:"private,omitzero"`
}
