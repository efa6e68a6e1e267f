// SPDX-License-Identifier: Apache-2.0

package cni

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libexec/network"
	"golang.org/x/sys/unix"
)

// Name is the driver's.
const Name = "cni"

// The options that a network of this driver is shown with.
const (
	fileOption    = "file"
	pluginsOption = "plugins"
)

const (
	longestFile = 1 << 20
	manyFiles   = 1000
)

// A config is a configuration list, as far as it concerns us.
type config struct {
	file    string
	raw     json.RawMessage
	Name    string         `json:"name"`
	Plugins []pluginConfig `json:"plugins"`
}

type pluginConfig struct {
	Type         string          `json:"type"`
	Bridge       string          `json:"bridge"`
	Master       string          `json:"master"`
	MTU          json.Number     `json:"mtu"`
	Capabilities map[string]bool `json:"capabilities"`
	IPAM         struct {
		Subnet  string        `json:"subnet"`
		Gateway string        `json:"gateway"`
		Ranges  [][]ipamRange `json:"ranges"`
	} `json:"ipam"`
}

type ipamRange struct {
	Subnet  string `json:"subnet"`
	Gateway string `json:"gateway"`
}

// can tells whether a plugin has a capability.
func (c *config) can(capability string) bool {
	return slices.ContainsFunc(c.Plugins, func(p pluginConfig) bool { return p.Capabilities[capability] })
}

// Networks lists what the directories have. Of two configurations with one name
// the first counts; one that cannot be read has an Err, and the name of its file.
func (d Driver) Networks() ([]network.Network, error) {
	var all []network.Network
	for _, path := range d.files() {
		c, err := readConfig(path)
		if err != nil {
			name := c.Name
			if name == "" {
				name = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
			}
			c.Name, err = name, errclass.New(errclass.Usage, name, fmt.Errorf("network %s: %s: %w", name, path, err))
		}
		if slices.ContainsFunc(all, func(n network.Network) bool { return n.Name == c.Name }) {
			continue
		}
		n := c.network()
		n.Err = err
		all = append(all, n)
	}
	return all, nil
}

// files are the configurations: of each directory in the order of their names.
func (d Driver) files() []string {
	var files []string
	for _, dir := range d.ConfigDirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // most hosts have no such directory
		}
		for _, entry := range entries {
			switch filepath.Ext(entry.Name()) {
			case ".conf", ".conflist", ".json":
				if len(files) < manyFiles {
					files = append(files, filepath.Join(dir, entry.Name()))
				}
			}
		}
	}
	return files
}

// find gives the configuration of a network.
func (d Driver) find(name string) (config, error) {
	for _, path := range d.files() {
		if c, err := readConfig(path); err == nil && c.Name == name {
			return c, nil
		}
	}
	return config{}, errclass.New(errclass.NotFound, name, fmt.Errorf("network %s: %w: its configuration is gone from %s",
		name, network.ErrUnknown, strings.Join(d.ConfigDirs, ", ")))
}

func (c *config) network() network.Network {
	id := sha256.Sum256([]byte(c.Name))
	n := network.Network{Name: c.Name, ID: hex.EncodeToString(id[:]), Driver: Name}
	var types []string
	for _, p := range c.Plugins {
		types = append(types, p.Type)
		for _, name := range []string{p.Bridge, p.Master} {
			if n.Interface == "" {
				n.Interface = name
			}
		}
		ranges := slices.Concat(p.IPAM.Ranges...)
		if p.IPAM.Subnet != "" {
			ranges = append(ranges, ipamRange{p.IPAM.Subnet, p.IPAM.Gateway})
		}
		for _, r := range ranges {
			if subnet, err := netip.ParsePrefix(r.Subnet); err == nil {
				gateway, _ := netip.ParseAddr(r.Gateway) // most leave it to the plugin
				n.Subnets = append(n.Subnets, network.Subnet{Subnet: subnet.Masked(), Gateway: gateway})
				n.IPv6 = n.IPv6 || subnet.Addr().Is6()
			}
		}
		if mtu, err := p.MTU.Int64(); err == nil && n.MTU == 0 {
			n.MTU = int(mtu)
		}
	}
	if info, err := os.Stat(c.file); err == nil {
		n.Created = info.ModTime()
	}
	n.Options = map[string]string{fileOption: c.file, pluginsOption: strings.Join(types, ",")}
	return n
}

// readConfig reads a file, of a list or of one plugin. With an error the name may
// be known all the same.
func readConfig(path string) (config, error) {
	data, err := readFile(path)
	if err != nil {
		return config{file: path}, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return config{file: path}, err
	}
	if filepath.Ext(path) == ".conflist" {
		err = inline(path, fields)
	} else if _, list := fields["plugins"]; !list {
		// One plugin is a list of it.
		one := map[string]json.RawMessage{"plugins": slices.Concat([]byte("["), data, []byte("]"))}
		for _, key := range []string{"name", "cniVersion"} {
			if value, ok := fields[key]; ok {
				one[key] = value
			}
		}
		fields = one
	}
	c := config{file: path}
	if err == nil {
		c.raw, err = json.Marshal(fields)
	}
	if err == nil {
		err = json.Unmarshal(c.raw, &c)
	}
	if err == nil {
		err = c.check()
	}
	return c, err
}

func (c *config) check() error {
	if err := network.CheckName(c.Name); err != nil {
		return err
	}
	if len(c.Plugins) == 0 {
		return errors.New("it has no plugins")
	}
	for i, p := range c.Plugins {
		if p.Type == "" || strings.ContainsAny(p.Type, "/\x00") {
			return fmt.Errorf("plugin %d: type %q: not the name of a plugin", i+1, p.Type)
		}
	}
	return nil
}

// inline adds the plugins in files of their own, which a list may have since version
// 1.1 in a directory with the network's name.
func inline(path string, fields map[string]json.RawMessage) error {
	var name string
	var only bool
	var plugins []json.RawMessage
	for key, value := range map[string]any{"name": &name, "loadOnlyInlinedPlugins": &only, "plugins": &plugins} {
		if raw, ok := fields[key]; ok {
			if err := json.Unmarshal(raw, value); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
	}
	if only || network.CheckName(name) != nil {
		return nil
	}
	more, err := filepath.Glob(filepath.Join(filepath.Dir(path), name, "*.conf"))
	if err != nil || len(more) == 0 {
		return err
	}
	slices.Sort(more)
	for _, file := range more {
		data, err := readFile(file)
		if err != nil {
			return err
		}
		if !json.Valid(data) {
			return fmt.Errorf("%s: not JSON", file)
		}
		plugins = append(plugins, data)
	}
	fields["loadOnlyInlinedPlugins"] = json.RawMessage("true")
	fields["plugins"], err = json.Marshal(plugins)
	return err
}

func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		var perr *fs.PathError
		if errors.As(err, &perr) {
			err = perr.Err
		}
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(errors.New("not a file"), err)
	}
	data, err := io.ReadAll(io.LimitReader(f, longestFile+1))
	if err == nil && len(data) > longestFile {
		err = fmt.Errorf("larger than %d bytes", longestFile)
	}
	return data, err
}
