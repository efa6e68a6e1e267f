// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"fmt"
	"strings"

	"github.com/tug-containers/tug/libexec"
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
	// It is we who write it, so the group has the number that it has for us.
	if _, set := l.o.Exec.Sysctls[libexec.PingGroups]; !set {
		delete(values, libexec.PingGroups)
		if _, gid, ok := l.o.Exec.IDs.Host(0, 0); ok {
			values[libexec.PingGroups] = fmt.Sprintf("%d %d", gid, gid)
		}
	}
	if err := l.set.Sysctls(l.container.ID(), values); err != nil {
		return fmt.Errorf("container %s: %w", l.container.ID(), err)
	}
	return nil
}
