// SPDX-License-Identifier: Apache-2.0

package network

import "github.com/tug-containers/tug/internal/errclass"

// ClaimPorts is for drivers that leave the mapping of ports to others. It chooses
// ports of the host where j has 0, and refuses what a process of the host or another
// container of the run directory has. Until release is called nobody else gets them.
func ClaimPorts(runDir string, j *Joined) (release func(), err error) {
	if err := mappable(j.Container.Ports); err != nil {
		return nil, err
	}
	b := newBridge(runDir)
	c, err := claimPorts(j.Container.Ports)
	if err != nil {
		return nil, holder(b.runDir, err, j)
	}
	if err := b.unmapped(c.list, j, func(*Joined) bool { return true }); err != nil {
		c.close()
		return nil, err
	}
	j.Container.Ports = c.list
	return c.close, nil
}

// unmapped refuses ports that another container has: where the mapping is another
// driver's, no socket says so.
func (b *bridge) unmapped(ports []Port, j *Joined, counts func(*Joined) bool) error {
	if len(ports) == 0 {
		return nil
	}
	all := all(b.runDir)
	for i := range all {
		other := &all[i]
		if other.Container.ID == j.Container.ID || !counts(other) {
			continue
		}
		for _, p := range other.Container.Ports {
			if p.meets(Port{}, ports) {
				return errorf(errclass.Conflict, p.String(), "port %s of the host: %w: container %s has it", p, ErrPort, other.Container.name())
			}
		}
	}
	return nil
}
