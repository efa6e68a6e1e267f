// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"encoding/binary"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/proc"
)

// Process names a process for as long as the machine runs: a pid is reused, a
// pid with its start time is not.
type Process struct {
	Pid int
	// StartTime is field 22 of /proc/PID/stat, in clock ticks since boot. It is
	// 0 when the process was gone before it could be read.
	StartTime uint64
}

// FindProcess reads the start time of pid. A process that is gone gives an
// error that is fs.ErrNotExist.
func FindProcess(pid int) (Process, error) {
	stat, err := proc.ReadStat(pid)
	return Process{Pid: pid, StartTime: stat.StartTime()}, err
}

// Alive reports whether this very process still exists, if only as a zombie
// that nobody has waited for.
func (p Process) Alive() bool {
	now, err := FindProcess(p.Pid)
	return err == nil && (p.StartTime == 0 || now.StartTime == p.StartTime)
}

// inRuntime reports whether pid still executes the runtime's own file, that is,
// has not yet become the container's command. ok is false when that cannot be
// known (the process is gone).
func (r *Runtime) inRuntime(pid int) (stub, ok bool) {
	exe := "/proc/" + strconv.Itoa(pid) + "/exe"
	var now syscall.Stat_t
	if err := syscall.Stat(exe, &now); err != nil {
		return false, false
	}
	if now.Ino == r.stat.Ino && now.Size == r.stat.Size {
		return true, true
	}
	// runc runs its stub from a sealed copy in memory.
	link, err := os.Readlink(exe)
	return err == nil && strings.HasPrefix(link, "/memfd:"), err == nil
}

// user is whom a process acts for.
type user struct {
	uid, gid uint32 // the real ones
	// mayChange is set when the process may rightfully have become another user
	// since it was started: by a set-id file, or by a capability.
	mayChange bool
}

// userOf reads the real ids of pid: a set-id command changes the effective ones.
func userOf(pid int) (user, error) {
	proc := "/proc/" + strconv.Itoa(pid)
	status, err := os.ReadFile(proc + "/status")
	if err != nil {
		return user{}, err
	}
	var u user
	seen := 0
	for line := range strings.Lines(string(status)) {
		key, rest, _ := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		base := 10
		switch key {
		case "CapPrm":
			base = 16
		case "Uid", "Gid":
		default:
			continue
		}
		if len(fields) == 0 {
			continue
		}
		n, err := strconv.ParseUint(fields[0], base, 64)
		if err != nil {
			return u, fmt.Errorf("process %d: status: %w", pid, err)
		}
		switch key {
		case "Uid":
			u.uid = uint32(n)
		case "Gid":
			u.gid = uint32(n)
		case "CapPrm":
			u.mayChange = n&(1<<unix.CAP_SETUID|1<<unix.CAP_SETGID) != 0
		}
		seen++
	}
	if seen != 3 {
		return u, fmt.Errorf("process %d: internal error: no ids in status", pid)
	}
	var exe syscall.Stat_t
	if err := syscall.Stat(proc+"/exe", &exe); err != nil {
		return u, err
	}
	u.mayChange = u.mayChange || exe.Mode&(syscall.S_ISUID|syscall.S_ISGID) != 0
	return u, nil
}

// executedAs gives the real ids that pid had when it executed its program.
func executedAs(pid int) (uid, gid uint32, known bool) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/auxv")
	if err != nil {
		return 0, 0, false
	}
	const word = strconv.IntSize / 8
	number := func(b []byte) uint64 {
		if word == 4 {
			return uint64(binary.NativeEndian.Uint32(b))
		}
		return binary.NativeEndian.Uint64(b)
	}
	const atUID, atGID = 11, 13
	seen := 0
	for ; len(data) >= 2*word; data = data[2*word:] {
		switch value := number(data[word:]); number(data) {
		case atUID:
			uid, seen = uint32(value), seen+1
		case atGID:
			gid, seen = uint32(value), seen+1
		}
	}
	return uid, gid, seen == 2
}

// executes reports whether pid has the arguments of a command, or those that
// the kernel makes of them for a script.
func executes(pid int, args []string) bool {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil || len(args) == 0 {
		return false
	}
	is := strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
	at := len(is) - len(args)
	return at >= 0 && slices.Equal(is[at+1:], args[1:]) && (is[at] == args[0] || at > 0 && path.Base(is[at]) == path.Base(args[0]))
}
