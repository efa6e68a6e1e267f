// SPDX-License-Identifier: Apache-2.0

package cni

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
)

// The operations of a Request.
const (
	Add   = "add"
	Del   = "del"
	Check = "check"
	GC    = "gc"
)

// A Request is what the program is asked to do, on its stdin.
type Request struct {
	Op string `json:"op"`
	// Config is a configuration list.
	Config json.RawMessage `json:"config"`
	Attachment
	// Valid are those that GC leaves alone.
	Valid      []Attachment  `json:"valid,omitzero"`
	PluginDirs []string      `json:"plugin_dirs"`
	CacheDir   string        `json:"cache_dir"`
	Timeout    time.Duration `json:"timeout"`
}

// An Attachment is a container on a network.
type Attachment struct {
	ContainerID string `json:"container_id,omitzero"`
	// Netns is empty when the namespace is gone.
	Netns        string         `json:"netns,omitzero"`
	Interface    string         `json:"interface,omitzero"`
	Args         [][2]string    `json:"args,omitzero"`
	Capabilities map[string]any `json:"capabilities,omitzero"`
}

// A Response is what the program says on its stdout.
type Response struct {
	Addresses   []netip.Prefix `json:"addresses,omitzero"`
	Gateways    []netip.Addr   `json:"gateways,omitzero"`
	MAC         string         `json:"mac,omitzero"`
	Nameservers []netip.Addr   `json:"nameservers,omitzero"`
	Search      []string       `json:"search,omitzero"`

	Class   errclass.Class `json:"class,omitzero"`
	Message string         `json:"message,omitzero"`
}
