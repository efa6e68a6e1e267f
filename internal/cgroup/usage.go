// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNone says that a process is in no cgroup of that name: there is nothing
// that counts for it alone.
var ErrNone = errors.New("no cgroup of its own")

// Usage is what the processes of a cgroup have used. What the host has no
// controller for is 0.
type Usage struct {
	// CPU is the time of processors, System the kernel's part of it.
	CPU, System time.Duration
	// Memory is without what the kernel could give back at once. MemoryLimit is
	// the host's memory where there is no smaller one.
	Memory, MemoryLimit uint64
	Pids                uint64
	// Read and Written are bytes from and to block devices.
	Read, Written uint64
}

// Usage reads what the cgroup that is called by id has used, with those below it.
func (g Group) Usage(id string) (u Usage, err error) {
	if len(g.named(id)) == 0 {
		return u, ErrNone
	}
	u.MemoryLimit = hostMemory()
	for controller, read := range map[string]func(*Usage, dir){"cpuacct": (*Usage).cpu1, "memory": (*Usage).memory1, "blkio": (*Usage).blocks1} {
		if d, v2 := g.dir(controller); !v2 && strings.Contains(d, id) {
			read(&u, dir(upTo(d, id)))
		}
	}
	if d, _ := g.dir("pids"); strings.Contains(d, id) { // of both versions
		u.Pids = dir(upTo(d, id)).number("pids.current")
	}
	if d := g.dirs[""]; strings.Contains(d, id) {
		u.version2(dir(upTo(d, id)))
	}
	return u, nil
}

// dir is the directory of a cgroup. A file that is not there has no number.
type dir string

func (d dir) read(name string) string {
	data, err := os.ReadFile(filepath.Join(string(d), name))
	if errors.Is(err, fs.ErrNotExist) || err != nil {
		return ""
	}
	return string(data)
}

func (d dir) number(name string) uint64 {
	return number(strings.TrimSpace(d.read(name)))
}

// number reads a number; "max" is the largest.
func number(text string) uint64 {
	if text == "max" {
		return math.MaxUint64
	}
	n, _ := strconv.ParseUint(text, 10, 64)
	return n
}

// value is that of a line KEY VALUE.
func (d dir) value(name, key string) uint64 {
	for line := range strings.Lines(d.read(name)) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), " "); ok && k == key {
			return number(v)
		}
	}
	return 0
}

func (u *Usage) cpu1(d dir) {
	u.CPU = time.Duration(d.number("cpuacct.usage"))
	u.System = time.Duration(d.number("cpuacct.usage_sys"))
}

func (u *Usage) memory1(d dir) {
	u.Memory = without(d.number("memory.usage_in_bytes"), d.value("memory.stat", "total_inactive_file"))
	u.limit(d.number("memory.limit_in_bytes"))
}

func (u *Usage) blocks1(d dir) {
	stat := d.read("blkio.throttle.io_service_bytes_recursive")
	if stat == "" {
		stat = d.read("blkio.throttle.io_service_bytes")
	}
	for line := range strings.Lines(stat) { // DEVICE Read|Write NUMBER
		fields := strings.Fields(line)
		switch {
		case len(fields) != 3:
		case fields[1] == "Read":
			u.Read += number(fields[2])
		case fields[1] == "Write":
			u.Written += number(fields[2])
		}
	}
}

// version2 reads what version 2 counts; on a host with both that may be little.
func (u *Usage) version2(d dir) {
	const usec = time.Microsecond
	if cpu := time.Duration(d.value("cpu.stat", "usage_usec")) * usec; u.CPU == 0 {
		u.CPU, u.System = cpu, time.Duration(d.value("cpu.stat", "system_usec"))*usec
	}
	if current := d.number("memory.current"); current > 0 {
		u.Memory = without(current, d.value("memory.stat", "inactive_file"))
		u.limit(d.number("memory.max"))
	}
	for line := range strings.Lines(d.read("io.stat")) { // DEVICE KEY=NUMBER...
		for field := range strings.FieldsSeq(line) {
			switch key, value, _ := strings.Cut(field, "="); key {
			case "rbytes":
				u.Read += number(value)
			case "wbytes":
				u.Written += number(value)
			}
		}
	}
}

func (u *Usage) limit(n uint64) {
	if n > 0 && n < u.MemoryLimit {
		u.MemoryLimit = n
	}
}

func without(n, part uint64) uint64 { return n - min(n, part) }

func hostMemory() uint64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return uint64(info.Totalram) * uint64(info.Unit)
}
