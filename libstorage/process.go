// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"bytes"
	"os"
	"strconv"
	"strings"
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

func (host) bootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

func (host) startTime(pid int) (uint64, bool) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, false
	}
	return parseStartTime(data)
}

// parseStartTime takes the start time out of /proc/PID/stat. The second field
// is a name that may hold anything, a parenthesis too.
func parseStartTime(stat []byte) (uint64, bool) {
	end := bytes.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, false
	}
	fields := strings.Fields(string(stat[end+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return 0, false
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	return start, err == nil
}
