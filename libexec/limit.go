// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/idmap"
)

// rlimitNumber gives the kernel's number for the name of a ulimit option.
func rlimitNumber(name string) (int, bool) {
	switch name {
	case "as":
		return unix.RLIMIT_AS, true
	case "core":
		return unix.RLIMIT_CORE, true
	case "cpu":
		return unix.RLIMIT_CPU, true
	case "data":
		return unix.RLIMIT_DATA, true
	case "fsize":
		return unix.RLIMIT_FSIZE, true
	case "locks":
		return unix.RLIMIT_LOCKS, true
	case "memlock":
		return unix.RLIMIT_MEMLOCK, true
	case "msgqueue":
		return unix.RLIMIT_MSGQUEUE, true
	case "nice":
		return unix.RLIMIT_NICE, true
	case "nofile":
		return unix.RLIMIT_NOFILE, true
	case "nproc":
		return unix.RLIMIT_NPROC, true
	case "rss":
		return unix.RLIMIT_RSS, true
	case "rtprio":
		return unix.RLIMIT_RTPRIO, true
	case "rttime":
		return unix.RLIMIT_RTTIME, true
	case "sigpending":
		return unix.RLIMIT_SIGPENDING, true
	case "stack":
		return unix.RLIMIT_STACK, true
	}
	return 0, false
}

// defaultRlimit is podman's for open files and processes, where the host
// allows as much.
const defaultRlimit = 1 << 20

// limits sets rlimits and the cgroup's limits.
func (b *builder) limits() error {
	if adj := b.opts.OOMScoreAdj; adj != nil && (*adj < -1000 || *adj > 1000) {
		return optionError("--oom-score-adj", "oom score adjustment %d: not between -1000 and 1000", *adj)
	}
	if !b.opts.RlimitsHost {
		for _, name := range []string{"nofile", "nproc"} {
			if err := b.rlimit(Rlimit{Name: name, Soft: defaultRlimit, Hard: defaultRlimit}, false); err != nil {
				return err
			}
		}
	}
	for _, limit := range b.opts.Rlimits {
		if err := b.rlimit(limit, true); err != nil {
			return err
		}
	}
	return b.resources()
}

// rlimit adds one limit, clamped to what this process may set. A note says so
// when the limit was asked for.
func (b *builder) rlimit(limit Rlimit, asked bool) error {
	number, known := rlimitNumber(limit.Name)
	if !known {
		return optionError("--ulimit", "ulimit %q: no such limit", shorten(limit.Name))
	}
	if limit.Soft > limit.Hard {
		return optionError("--ulimit", "ulimit %s: the soft limit is above the hard one", limit.Name)
	}
	highest, err := highestRlimit(number, b.ids)
	if err != nil {
		return optionError("--ulimit", "ulimit %s: %w", limit.Name, err)
	}
	clamped := Rlimit{Name: limit.Name, Soft: min(limit.Soft, highest), Hard: min(limit.Hard, highest)}
	if clamped != limit && asked {
		b.note(fmt.Sprintf("ulimit %s: clamped to %d, the host's hard limit", limit.Name, highest))
	}
	b.g.AddProcessRlimits("RLIMIT_"+strings.ToUpper(limit.Name), clamped.Hard, clamped.Soft)
	return nil
}

// highestRlimit is our hard limit or, for one who may raise it, the kernel's.
func highestRlimit(number int, ids *idmap.Mapping) (uint64, error) {
	if mayRaiseLimits(ids) {
		if number != unix.RLIMIT_NOFILE {
			return RlimitUnlimited, nil
		}
		data, err := os.ReadFile("/proc/sys/fs/nr_open")
		if err != nil {
			return 0, err
		}
		return strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
	}
	var ours unix.Rlimit
	if err := unix.Getrlimit(number, &ours); err != nil {
		return 0, err
	}
	return ours.Max, nil
}

// mayRaiseLimits reports whether CAP_SYS_RESOURCE is in effect here: for limits,
// that of a user namespace, with its ids, is none.
func mayRaiseLimits(ids *idmap.Mapping) bool {
	if !ids.IsZero() {
		return false
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Capget(&header, &data[0]) == nil && data[0].Effective&(1<<unix.CAP_SYS_RESOURCE) != 0
}
