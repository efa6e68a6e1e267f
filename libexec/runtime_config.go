// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sort"

	"github.com/BurntSushi/toml"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
)

// RuntimeConfig are the keys of containers.conf that choose a runtime and how it
// makes cgroups, and those that say how to leave it alone, all in its table [engine].
type RuntimeConfig struct {
	// Runtime is the key runtime: a name, or an absolute path.
	Runtime string
	// Runtimes is the table runtimes: for each name the files to try.
	Runtimes map[string][]string
	// DetachKeys is the key detach_keys: nil without, and empty for no keys.
	DetachKeys *string
	// CgroupManager is the key cgroup_manager.
	CgroupManager string
}

// RuntimeConfigFiles lists the places of containers.conf, in the order in which
// they are read; a later one wins. getenv is os.Getenv, or what a test wants.
//
// CONTAINERS_CONF replaces all of them, CONTAINERS_CONF_OVERRIDE comes last.
func RuntimeConfigFiles(getenv func(string) string, uid int) []string {
	var files []string
	if one := getenv("CONTAINERS_CONF"); one != "" {
		files = append(files, one)
	} else {
		files = append(files, "/usr/share/containers/containers.conf", "/etc/containers/containers.conf")
		files = append(files, dropIns("/etc/containers/containers.conf.d")...)
		home := getenv("XDG_CONFIG_HOME")
		if home == "" && getenv("HOME") != "" {
			home = filepath.Join(getenv("HOME"), ".config")
		}
		if uid != 0 && home != "" {
			files = append(files, filepath.Join(home, "containers/containers.conf"))
			files = append(files, dropIns(filepath.Join(home, "containers/containers.conf.d"))...)
		}
	}
	if last := getenv("CONTAINERS_CONF_OVERRIDE"); last != "" {
		files = append(files, last)
	}
	return files
}

func dropIns(dir string) []string {
	found, _ := filepath.Glob(dir + "/*.conf") // the pattern is a good one
	sort.Strings(found)
	return found
}

// ReadRuntimeConfig reads files that exist, later ones over earlier ones.
func ReadRuntimeConfig(files []string) (RuntimeConfig, error) {
	config := RuntimeConfig{Runtimes: map[string][]string{}}
	for _, name := range files {
		data, err := ondisk.ReadHost(name, 1<<20)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return config, fmt.Errorf("read configuration: %w", err)
		}
		if !mentions(data) {
			continue
		}
		if err := config.merge(data); err != nil {
			return config, errclass.New(errclass.Usage, name, fmt.Errorf("configuration %s: %w", name, err))
		}
	}
	return config, nil
}

func (c *RuntimeConfig) merge(data []byte) error {
	var file struct {
		Engine struct {
			Runtime    string              `toml:"runtime"`
			Runtimes   map[string][]string `toml:"runtimes"`
			DetachKeys *string             `toml:"detach_keys"`
			Manager    string              `toml:"cgroup_manager"`
		} `toml:"engine"`
	}
	if err := toml.Unmarshal(data, &file); err != nil {
		return err
	}
	if file.Engine.Runtime != "" {
		if err := checkRuntimeName(file.Engine.Runtime); err != nil {
			return err
		}
		c.Runtime = file.Engine.Runtime
	}
	if file.Engine.DetachKeys != nil {
		c.DetachKeys = file.Engine.DetachKeys
	}
	if manager := file.Engine.Manager; manager != "" {
		if manager != ManagerCgroupfs && manager != ManagerSystemd {
			return fmt.Errorf("cgroup_manager %q: must be cgroupfs or systemd", shorten(manager))
		}
		c.CgroupManager = manager
	}
	for name, paths := range file.Engine.Runtimes {
		c.Runtimes[name] = paths
	}
	return nil
}

// mentions spares the parser the file as distributions ship it, which is
// comments and headings: this is on the way of every container.
func mentions(data []byte) bool {
	word, keys, manager := []byte("runtime"), []byte("detach_keys"), []byte("cgroup_manager")
	inTable := false
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0, line[0] == '#':
		case line[0] == '[':
			inTable = bytes.Contains(line, word)
		case inTable, bytes.Contains(line, word), bytes.Contains(line, keys), bytes.Contains(line, manager):
			return true
		}
	}
	return false
}
