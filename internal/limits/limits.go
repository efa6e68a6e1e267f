// SPDX-License-Identifier: Apache-2.0

// Package limits reads the options by which a command limits what a container
// may take of the host: memory, processors, processes.
package limits

import (
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
}

// Given tells whether one of the options was.
func (f *Flags) Given() bool {
	for _, name := range []string{
		"memory", "memory-swap", "memory-reservation", "cpus", "cpu-shares", "cpuset-cpus", "cpuset-mems", "pids-limit",
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
	if f.set.Changed("cpus") {
		r.CPUs = f.cpus
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
