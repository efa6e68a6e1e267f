// SPDX-License-Identifier: Apache-2.0

package top

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/cgroup"
	"github.com/tug-containers/tug/libstorage"
	"golang.org/x/sys/unix"
)

// process is a process of the container, as /proc tells of it.
type process struct {
	pid    int               // on the host
	stat   []string          // from the third field on
	comm   string            // its name
	status map[string]string // lines of KEY: VALUE
	args   []string
	view   *view
}

// view is what the processes of a container have in common.
type view struct {
	now    time.Time
	booted time.Time
	// inside gives the pids that processes have in the container.
	inside map[int]string
	owners *owners
}

// list finds the processes, in the order of their pids.
func list(info *libstorage.ContainerInfo) ([]*process, error) {
	first := info.Record.Pid
	pids, err := pidsOf(first, info.Record.ID)
	if err != nil {
		return nil, err
	}
	slices.Sort(pids)
	v := &view{now: time.Now(), inside: map[int]string{}, owners: readOwners(first)}
	v.booted = v.now.Add(-uptime())
	var processes []*process
	for _, pid := range slices.Compact(pids) {
		p, err := read(pid)
		if err != nil {
			continue // it has ended meanwhile
		}
		p.view = v
		v.inside[pid] = last(p.status["NSpid"])
		processes = append(processes, p)
	}
	return processes, nil
}

// pidsOf finds them by the container's cgroup, or else by its pid namespace.
func pidsOf(first int, id string) ([]int, error) {
	group, err := cgroup.Of(first)
	if err != nil {
		return nil, err
	}
	if pids, ok, err := group.Pids(id); ok || err != nil {
		return pids, err
	}
	own, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return nil, err
	}
	theirs, err := os.Readlink("/proc/" + strconv.Itoa(first) + "/ns/pid")
	if err != nil {
		return nil, err
	}
	if own == theirs {
		return nil, errors.New("it has neither a cgroup nor a pid namespace of its own: nobody knows its processes")
	}
	entries, err := os.ReadDir("/proc")
	var pids []int
	for _, entry := range entries {
		pid, nerr := strconv.Atoi(entry.Name())
		if nerr != nil {
			continue
		}
		if ns, err := os.Readlink("/proc/" + entry.Name() + "/ns/pid"); err == nil && ns == theirs {
			pids = append(pids, pid)
		}
	}
	return pids, err
}

func read(pid int) (*process, error) {
	dir := "/proc/" + strconv.Itoa(pid) + "/"
	stat, err := os.ReadFile(dir + "stat")
	if err != nil {
		return nil, err
	}
	// The name may hold anything, a parenthesis too.
	begin, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if begin < 0 || end < begin {
		return nil, fs.ErrInvalid
	}
	p := &process{pid: pid, comm: string(stat[begin+1 : end]), stat: strings.Fields(string(stat[end+1:])), status: map[string]string{}}
	if len(p.stat) < 22 {
		return nil, fs.ErrInvalid
	}
	status, err := os.ReadFile(dir + "status")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		p.status[key] = strings.TrimSpace(value)
	}
	if line, err := os.ReadFile(dir + "cmdline"); err == nil && len(line) > 0 {
		p.args = strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
	}
	return p, nil
}

// field is one of /proc/PID/stat, by its number in proc(5).
func (p *process) field(number int) int64 {
	n, _ := strconv.ParseInt(p.stat[number-3], 10, 64)
	return n
}

// ticks is the unit of times in /proc: Linux shows user space 100 in a second.
const ticks = 100

func (p *process) cpu() time.Duration {
	return time.Duration(p.field(14)+p.field(15)) * (time.Second / ticks)
}

func (p *process) started() time.Time {
	return p.view.booted.Add(time.Duration(p.field(22)) * (time.Second / ticks))
}

func (p *process) elapsed() time.Duration { return max(p.view.now.Sub(p.started()), 0) }

func last(list string) string {
	fields := strings.Fields(list)
	if len(fields) == 0 {
		return ""
	}
	return fields[len(fields)-1]
}

// nth is a field of a line in /proc/PID/status: real, effective, saved.
func (p *process) nth(key string, i int) string {
	if fields := strings.Fields(p.status[key]); i < len(fields) {
		return fields[i]
	}
	return "?"
}

func uptime() time.Duration {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return 0
	}
	return time.Duration(now.Nano())
}

// tty is the controlling terminal: by its number, since its name is the
// container's.
func (p *process) tty() string {
	number := uint64(p.field(7))
	major, minor := unix.Major(number), unix.Minor(number)
	switch {
	case number == 0:
		return "?"
	case major >= 136 && major <= 143:
		return "pts/" + strconv.Itoa(int(major-136)*256+int(minor))
	case major == 4 && minor < 64:
		return "tty" + strconv.Itoa(int(minor))
	case major == 4:
		return "ttyS" + strconv.Itoa(int(minor-64))
	}
	return strconv.Itoa(int(major)) + ":" + strconv.Itoa(int(minor))
}
