// SPDX-License-Identifier: Apache-2.0

package run

import (
	"strings"
)

// hostEnvironment is our own environment, for --env-host. What was meant for
// us and not for the container is left out: sockets and descriptors that a
// service manager handed over.
func (f *flags) hostEnvironment() []string {
	if !f.envHost {
		return nil
	}
	var env []string
	for _, entry := range f.environ() {
		name, _, valid := strings.Cut(entry, "=")
		switch name {
		case "", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC":
			continue
		}
		if valid && !strings.ContainsAny(name, "*\n") {
			env = append(env, entry)
		}
	}
	return env
}
