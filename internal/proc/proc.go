// SPDX-License-Identifier: Apache-2.0

// Package proc reads what a process is known by: its pid together with its start
// time, in the boot that there is.
//
//	pid := proc.PidFile(bundle + "/pid")
//	start := proc.StartTime(pid)
//
// It links the standard library alone, as the monitor does.
package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Stat is /proc/PID/stat from its third field on.
type Stat []string

// The fields that are asked for, by their numbers in proc(5).
const (
	State    = 3
	Parent   = 4
	start    = 22
	ExitCode = 52
)

// ReadStat reads that of a process. One that is gone is os.ErrNotExist.
func ReadStat(pid int) (Stat, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if errors.Is(err, syscall.ESRCH) {
		err = os.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	s := ParseStat(data)
	if s.number(start) == "" {
		return nil, fmt.Errorf("process %d: internal error: malformed stat", pid)
	}
	return s, nil
}

// ParseStat takes it apart. The second field is a name that may hold anything, a
// parenthesis too.
func ParseStat(data []byte) Stat {
	end := bytes.LastIndexByte(data, ')')
	if end < 0 {
		return nil
	}
	return strings.Fields(string(data[end+1:]))
}

func (s Stat) number(n int) string {
	if n-State >= len(s) {
		return ""
	}
	return s[n-State]
}

// Number gives a field that is a number; 0 when it lacks.
func (s Stat) Number(field int) uint64 {
	n, _ := strconv.ParseUint(s.number(field), 10, 64)
	return n
}

// StartTime is in clock ticks since the boot.
func (s Stat) StartTime() uint64 { return s.Number(start) }

// Zombie tells that it has ended, and its parent has not looked.
func (s Stat) Zombie() bool { return s.number(State) == "Z" }

// Ended tells that nothing of it runs any more.
func (s Stat) Ended() bool { return s.Zombie() || s.number(State) == "X" }

// StartTime is that of a process; 0 when it is gone.
func StartTime(pid int) uint64 {
	s, _ := ReadStat(pid)
	return s.StartTime()
}

// BootID is the kernel's name for this boot.
func BootID() string {
	data, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // without /proc there are no boots
	return strings.TrimSpace(string(data))
}

// PidFile gives the pid in a runtime's pid file, or 0 when there is none yet.
func PidFile(path string) int {
	data, err := os.ReadFile(path)
	if err != nil || len(data) > 32 {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid <= 1 {
		return 0
	}
	return pid
}
