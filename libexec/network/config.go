// SPDX-License-Identifier: Apache-2.0

package network

import (
	"bytes"
	"errors"
	"io/fs"
	"net/netip"

	"github.com/BurntSushi/toml"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
)

// Config are the keys of containers.conf that are about networks.
type Config struct {
	// Mode is netns of [containers]: the network of containers that ask for none.
	Mode string
	// NoHosts is no_hosts, and the others begin with dns_.
	NoHosts                             bool
	DNSServers, DNSSearches, DNSOptions []string
	// Default and Subnet are default_network and default_subnet of [network], Pools
	// default_subnet_pools.
	Default string
	Subnet  *Subnet
	Pools   []Pool
	// PastaOptions is pasta_options.
	PastaOptions []string
	// CNIConfigDirs is network_config_dir, CNIPluginDirs cni_plugin_dirs.
	CNIConfigDirs, CNIPluginDirs []string
	// Warn, when not nil, hears what is no error and should be known.
	Warn func(message string)
}

// ReadConfig reads files that exist, later ones over earlier ones; see
// libexec.RuntimeConfigFiles.
func ReadConfig(files []string) (Config, error) {
	var c Config
	for _, name := range files {
		data, err := ondisk.ReadHost(name, fileLimit)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && mentions(data) {
			err = c.merge(data)
		}
		if err != nil {
			return c, errorf(errclass.Usage, name, "configuration %s: %w", name, err)
		}
	}
	return c, nil
}

// mentions spares the parser the file as distributions ship it, which is comments
// and headings: this is on the way of every container.
func mentions(data []byte) bool {
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		for _, key := range []string{"netns", "no_hosts", "dns_", "default_network", "default_subnet", "network_config_dir", "cni_plugin_dirs", "pasta_options"} {
			if bytes.HasPrefix(line, []byte(key)) {
				return true
			}
		}
		// A table may be in one line, or its keys have dots.
		if bytes.HasPrefix(line, []byte("containers")) || bytes.HasPrefix(line, []byte("network")) {
			return true
		}
	}
	return false
}

func (c *Config) merge(data []byte) error {
	var file struct {
		Containers struct {
			Netns    *string  `toml:"netns"`
			NoHosts  *bool    `toml:"no_hosts"`
			Servers  []string `toml:"dns_servers"`
			Searches []string `toml:"dns_searches"`
			Options  []string `toml:"dns_options"`
		} `toml:"containers"`
		Network struct {
			Default    *string  `toml:"default_network"`
			Subnet     *string  `toml:"default_subnet"`
			ConfigDir  *string  `toml:"network_config_dir"`
			PluginDirs []string `toml:"cni_plugin_dirs"`
			Pasta      []string `toml:"pasta_options"`
			Pools      []struct {
				Base string `toml:"base"`
				Size int    `toml:"size"`
			} `toml:"default_subnet_pools"`
		} `toml:"network"`
	}
	if err := toml.Unmarshal(data, &file); err != nil {
		return err
	}
	in, of := &file.Containers, &file.Network
	if in.Netns != nil {
		c.Mode = *in.Netns
	}
	if in.NoHosts != nil {
		c.NoHosts = *in.NoHosts
	}
	for to, from := range map[*[]string][]string{&c.DNSServers: in.Servers, &c.DNSSearches: in.Searches, &c.DNSOptions: in.Options} {
		if from != nil {
			*to = from
		}
	}
	if of.Default != nil && *of.Default != "podman" { // that is podman's own
		if err := CheckName(*of.Default); err != nil {
			return err
		}
		c.Default = *of.Default
	}
	if of.Subnet != nil {
		p, err := netip.ParsePrefix(*of.Subnet)
		c.Subnet = &Subnet{Subnet: p}
		if err == nil {
			err = c.Subnet.check()
		}
		if err != nil {
			return err
		}
	}
	if of.ConfigDir != nil && *of.ConfigDir != "" {
		c.CNIConfigDirs = []string{*of.ConfigDir}
	}
	if of.PluginDirs != nil {
		c.CNIPluginDirs = of.PluginDirs
	}
	if of.Pasta != nil {
		c.PastaOptions = of.Pasta
	}
	if of.Pools != nil {
		c.Pools = nil
	}
	for _, pool := range of.Pools {
		base, err := netip.ParsePrefix(pool.Base)
		if err != nil {
			return err
		}
		c.Pools = append(c.Pools, Pool{Base: base, Bits: pool.Size})
	}
	return nil
}
