// SPDX-License-Identifier: Apache-2.0

// Package limits reads the options by which a command limits what a container
// may take of the host: memory, processors, processes.
package limits

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libexec"
)

// Flags are the options as they are typed. Names and meanings are podman's.
type Flags struct {
	set                    *pflag.FlagSet
	memory, memorySwap     string
	memoryReservation      string
	cpus                   float64
	cpuShares              uint64
	cpusetCPUs, cpusetMems string
	pids                   int64
	cpuPeriod, rtPeriod    uint64
	cpuQuota, rtRuntime    int64
	swappiness             int64
	oomKillDisable         bool
	kernelMemory           string
	block                  block
}

// Register adds the options to a command. pids is the limit of processes that
// there is without one, 0 for the one that there was.
func (f *Flags) Register(s *pflag.FlagSet, pids int64) {
	f.set = s
	s.StringVarP(&f.memory, "memory", "m", "", "Memory limit, a `SIZE`: a number with b, k, m or g")
	s.StringVar(&f.memorySwap, "memory-swap", "", "Limit of memory and swap together, a `SIZE`; -1 for none")
	s.StringVar(&f.memoryReservation, "memory-reservation", "", "Memory that is kept when memory is scarce, a `SIZE`")
	s.Float64Var(&f.cpus, "cpus", 0, "`NUMBER` of processors, 0.5 for half of one")
	s.Uint64VarP(&f.cpuShares, "cpu-shares", "c", 0, "Relative `WEIGHT` among those that want a processor")
	s.StringVar(&f.cpusetCPUs, "cpuset-cpus", "", "Processors that may be used, a `LIST` as 0-2,5")
	s.StringVar(&f.cpusetMems, "cpuset-mems", "", "Memory nodes that may be used, a `LIST` as 0-2,5")
	s.Int64Var(&f.pids, "pids-limit", pids, "Limit of processes; -1 for none")
	s.Uint64Var(&f.cpuPeriod, "cpu-period", 0, "With --cpu-quota: `MICROSECONDS` of a period")
	s.Int64Var(&f.cpuQuota, "cpu-quota", 0, "`MICROSECONDS` of processors in each period; -1 for no limit")
	s.Uint64Var(&f.rtPeriod, "cpu-rt-period", 0, "`MICROSECONDS` of a period for realtime processes")
	s.Int64Var(&f.rtRuntime, "cpu-rt-runtime", 0, "`MICROSECONDS` that those may use of it")
	s.Int64Var(&f.swappiness, "memory-swappiness", -1, "How much the kernel likes to swap, 0 to 100; -1 for the host's")
	s.BoolVar(&f.oomKillDisable, "oom-kill-disable", false, "Let processes wait for memory instead of killing one")
	s.StringVar(&f.kernelMemory, "kernel-memory", "", "Not in this version")
	s.Lookup("kernel-memory").Hidden = true // podman's; refused with the reason
	f.block.register(s)
}

// Given tells whether one of the options was.
func (f *Flags) Given() bool {
	for _, name := range []string{
		"memory", "memory-swap", "memory-reservation", "cpus", "cpu-shares", "cpuset-cpus", "cpuset-mems", "pids-limit",
		"cpu-period", "cpu-quota", "cpu-rt-period", "cpu-rt-runtime", "memory-swappiness", "oom-kill-disable", "kernel-memory",
		"blkio-weight", "blkio-weight-device", "device-read-bps", "device-write-bps", "device-read-iops", "device-write-iops",
	} {
		if f.set.Changed(name) {
			return true
		}
	}
	return false
}

// Apply sets what was given, and leaves the rest as it is.
func (f *Flags) Apply(r *libexec.Resources) error {
	for _, size := range []struct {
		name, value string
		to          *int64
	}{
		{"memory", f.memory, &r.Memory},
		{"memory-swap", f.memorySwap, &r.MemorySwap},
		{"memory-reservation", f.memoryReservation, &r.MemoryReservation},
	} {
		switch {
		case size.value == "":
		case size.value == "-1" && size.name == "memory-swap":
			*size.to = -1
		default:
			n, err := ParseSize("--"+size.name, size.value)
			if err != nil {
				return err
			}
			*size.to = n
		}
	}
	if f.kernelMemory != "" {
		return errclass.New(errclass.Unsupported, "--kernel-memory", errors.New("--kernel-memory: Linux has no such limit since 5.16; --memory counts the kernel's part"))
	}
	if f.set.Changed("cpus") {
		r.CPUs = f.cpus
		if !f.set.Changed("cpu-period") && !f.set.Changed("cpu-quota") && f.cpus != 0 {
			r.CPUPeriod, r.CPUQuota = 0, 0 // an update says it in another way
		}
	}
	if err := f.times(r); err != nil {
		return err
	}
	if f.set.Changed("cpu-shares") {
		r.CPUShares = f.cpuShares
	}
	if f.cpusetCPUs != "" {
		r.CpusetCPUs = f.cpusetCPUs
	}
	if f.cpusetMems != "" {
		r.CpusetMems = f.cpusetMems
	}
	if f.set.Changed("pids-limit") {
		if r.Pids = f.pids; r.Pids == 0 {
			r.Pids = -1
		}
	}
	return f.block.apply(f.set, r)
}

// times are the limits that are periods and parts of them, and what else has a
// value that means none.
func (f *Flags) times(r *libexec.Resources) error {
	for _, number := range []struct {
		name string
		set  func()
	}{
		{"cpu-period", func() { r.CPUPeriod = f.cpuPeriod }},
		{"cpu-quota", func() { r.CPUQuota = f.cpuQuota }},
		{"cpu-rt-period", func() { r.CPURealtimePeriod = f.rtPeriod }},
		{"cpu-rt-runtime", func() { r.CPURealtimeRuntime = f.rtRuntime }},
		{"oom-kill-disable", func() { r.OOMKillDisable = f.oomKillDisable }},
	} {
		if f.set.Changed(number.name) {
			number.set()
		}
	}
	if (f.set.Changed("cpu-period") || f.set.Changed("cpu-quota")) && !f.set.Changed("cpus") {
		r.CPUs = 0
	}
	if !f.set.Changed("memory-swappiness") {
		return nil
	}
	switch s := f.swappiness; {
	case s == -1:
		r.MemorySwappiness = nil
	case s < 0 || s > 100:
		return errclass.New(errclass.Usage, "--memory-swappiness", fmt.Errorf("--memory-swappiness %d: not between 0 and 100, nor -1", s))
	default:
		value := uint64(s)
		r.MemorySwappiness = &value
	}
	return nil
}

// ParseSize reads a number of bytes with an optional unit: b, k, m, g, t, each
// a power of 1024, also written as kb or KiB; the number may have a fraction.
func ParseSize(flag, s string) (int64, error) {
	bad := errclass.New(errclass.Usage, flag, fmt.Errorf("%s %q: not a size", flag, s))
	number := strings.TrimRight(s, "bBkKmMgGtTiI")
	if number == "" || strings.ContainsAny(number, "eExXpP_+- ") || strings.HasPrefix(strings.ToLower(number), "n") {
		return 0, bad
	}
	factor := 1.0
	switch unit := strings.ToLower(s[len(number):]); unit {
	case "", "b":
	case "k", "kb", "kib":
		factor = 1 << 10
	case "m", "mb", "mib":
		factor = 1 << 20
	case "g", "gb", "gib":
		factor = 1 << 30
	case "t", "tb", "tib":
		factor = 1 << 40
	default:
		return 0, bad
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		if n > math.MaxInt64/int64(factor) {
			return 0, bad
		}
		return n * int64(factor), nil
	}
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(value) || value*factor >= 1<<62 {
		return 0, bad
	}
	return int64(value * factor), nil
}
