// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"github.com/tug-containers/tug/internal/proc"
)

// procs is what the state of a container is derived from.
type procs interface {
	bootID() string
	// startTime gives the start of a process in clock ticks since the boot.
	// A zombie is not there.
	startTime(pid int) (uint64, bool)
}

// host is this machine.
type host struct{}

func (host) bootID() string { return proc.BootID() }

func (host) startTime(pid int) (uint64, bool) {
	stat, err := proc.ReadStat(pid)
	return stat.StartTime(), err == nil && !stat.Ended()
}
