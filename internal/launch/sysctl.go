// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"fmt"
	"strings"
)

// sysctls sets those of the network of a container with a user namespace of its own,
// which has no right over the network namespace that we have made: the runtime could
// not. Its root is to have all ports, as elsewhere.
func (l *launcher) sysctls() error {
	if e := &l.o.Exec; e.IDs.IsZero() || !e.OwnNetwork || l.set == nil {
		return nil
	}
	values := map[string]string{"net.ipv4.ip_unprivileged_port_start": "0"}
	for name, value := range l.spec.Linux.Sysctl {
		if strings.HasPrefix(name, "net.") || strings.HasPrefix(name, "net/") {
			values[name] = value
			delete(l.spec.Linux.Sysctl, name)
		}
	}
	if err := l.set.Sysctls(l.container.ID(), values); err != nil {
		return fmt.Errorf("container %s: %w", l.container.ID(), err)
	}
	return nil
}
