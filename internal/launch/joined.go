// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"github.com/tug-containers/tug/libexec/network"
	"github.com/tug-containers/tug/libstorage"
)

// Joined are the networks that a container is on now, without a lock.
func Joined(store places, c *libstorage.ContainerInfo) []network.Joined {
	on, err := Networks(store, network.Config{}, "", nil).Of(c.Record.ID)
	if err != nil {
		return nil // what cannot be read is not shown
	}
	return on
}

// Published are the ports of the host that lead to a container now.
func Published(store places, c *libstorage.ContainerInfo) []network.Port {
	ports := []network.Port{}
	for _, j := range Joined(store, c) {
		ports = append(ports, j.Container.Ports...)
	}
	return ports
}

// NetworkNames are those that a container is on, or will be.
func NetworkNames(config *Config) []string {
	names := []string{}
	for _, a := range config.Networks {
		names = append(names, a.Network)
	}
	return names
}
