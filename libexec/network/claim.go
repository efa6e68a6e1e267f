// SPDX-License-Identifier: Apache-2.0

package network

import "github.com/tug-containers/tug/internal/errclass"

// ClaimPorts is for drivers that leave the mapping of ports to others. It chooses
// ports of the host where j has 0, and refuses what a process of the host or another
// container of the run directory has. Until release is called nobody else gets them.
func ClaimPorts(runDir string, j *Joined) (release func(), err error) {
	b := newBridge(runDir)
	c, err := claimPorts(j.Container.Ports)
	if err != nil {
		return nil, b.holder(err, j)
	}
	for _, other := range b.all() {
		if other.Container.ID == j.Container.ID {
			continue
		}
		for _, p := range other.Container.Ports {
			for _, own := range c.list {
				if p.meets(Port{}, []Port{own}) {
					c.close()
					return nil, errorf(errclass.Conflict, p.String(), "port %s of the host: %w: container %s has it", p, ErrPort, other.Container.name())
				}
			}
		}
	}
	j.Container.Ports = c.list
	return c.close, nil
}
