// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

const cpuPeriod = 100_000 // microseconds

// resources sets the cgroup and its limits.
func (b *builder) resources() error {
	parent := b.opts.CgroupParent
	if strings.ContainsAny(parent, ":\x00\n") || slices.Contains(strings.Split(parent, "/"), "..") {
		return optionError("--cgroup-parent", "cgroup parent %q: not a path below the cgroup root", shorten(parent))
	}
	r := &b.opts.Resources
	if !mayMakeCgroups() {
		return b.withoutCgroup(parent, r)
	}
	b.g.SetLinuxCgroupsPath(cgroupsPath(parent, b.opts.ID))
	if err := checkControllers(r); err != nil {
		return err
	}
	if err := b.memory(r); err != nil {
		return err
	}
	if err := b.cpu(r); err != nil {
		return err
	}
	switch {
	case r.Pids < -1:
		return optionError("--pids-limit", "pids limit %d: must be positive, or -1 for none", r.Pids)
	case r.Pids > 0:
		b.g.SetLinuxResourcesPidsLimit(r.Pids)
	case r.Pids == 0 && hasController("pids"):
		b.g.SetLinuxResourcesPidsLimit(DefaultPids)
	case r.Pids == 0:
		b.note("no limit of processes: the host has no pids controller")
	}
	return nil
}

// checkControllers refuses a limit for which the host has no controller: a
// runtime may leave it out silently.
func checkControllers(r *Resources) error {
	for _, need := range []struct {
		flag, controller string
		asked            bool
	}{
		{"--memory", "memory", r.Memory != 0 || r.MemorySwap != 0 || r.MemoryReservation != 0},
		{"--cpus", "cpu", r.CPUs != 0 || r.CPUShares != 0},
		{"--cpuset-cpus", "cpuset", r.CpusetCPUs != "" || r.CpusetMems != ""},
		{"--pids-limit", "pids", r.Pids > 0},
	} {
		if need.asked && !hasController(need.controller) {
			return unsupportedError(need.flag, "%s: this host has no %s cgroup controller", need.flag, need.controller)
		}
	}
	return nil
}

// hasController reports whether runtimes can use a cgroup controller here.
func hasController(name string) bool {
	if !cgroup2() {
		_, err := os.Stat("/sys/fs/cgroup/" + name + "/cgroup.procs")
		return err == nil
	}
	controllers, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	return err == nil && slices.Contains(strings.Fields(string(controllers)), name)
}

func (b *builder) memory(r *Resources) error {
	if r.Memory < 0 || r.MemoryReservation < 0 || r.MemorySwap < -1 {
		return optionError("--memory", "memory limit: must not be negative")
	}
	if r.MemorySwap > 0 && (r.Memory == 0 || r.MemorySwap < r.Memory) {
		return optionError("--memory-swap", "memory-swap limit: must be at least the memory limit")
	}
	if r.MemoryReservation > 0 {
		if r.Memory > 0 && r.MemoryReservation > r.Memory {
			return optionError("--memory-reservation", "memory reservation: above the memory limit")
		}
		b.g.SetLinuxResourcesMemoryReservation(r.MemoryReservation)
	}
	if r.Memory > 0 {
		b.g.SetLinuxResourcesMemoryLimit(r.Memory)
	}
	switch {
	case r.MemorySwap != 0 && !countsSwap():
		return unsupportedError("--memory-swap", "memory-swap limit: this host does not count swap")
	case r.MemorySwap != 0:
		b.g.SetLinuxResourcesMemorySwap(r.MemorySwap)
	case r.Memory > 0 && r.Memory <= 1<<62 && countsSwap():
		b.g.SetLinuxResourcesMemorySwap(2 * r.Memory)
	}
	return nil
}

// countsSwap reports whether memory and swap can be limited together. On
// cgroup v2 a runtime leaves out what a kernel without swap accounting lacks.
func countsSwap() bool {
	if cgroup2() {
		return true
	}
	_, err := os.Stat("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes")
	return err == nil
}

func (b *builder) cpu(r *Resources) error {
	if r.CPUs != 0 {
		if !(r.CPUs >= 0.01 && r.CPUs <= maxCPUs) {
			return optionError("--cpus", "cpus %s: must be at least 0.01", strconv.FormatFloat(r.CPUs, 'g', -1, 64))
		}
		b.g.SetLinuxResourcesCPUPeriod(cpuPeriod)
		b.g.SetLinuxResourcesCPUQuota(int64(r.CPUs * cpuPeriod))
	}
	if r.CPUShares != 0 {
		b.g.SetLinuxResourcesCPUShares(r.CPUShares)
	}
	for _, list := range []struct {
		flag, value string
		set         func(string)
	}{{"--cpuset-cpus", r.CpusetCPUs, b.g.SetLinuxResourcesCPUCpus}, {"--cpuset-mems", r.CpusetMems, b.g.SetLinuxResourcesCPUMems}} {
		if list.value == "" {
			continue
		}
		if !validCpuset(list.value) {
			return optionError(list.flag, "%s %q: not a list as 0-2,5", list.flag, shorten(list.value))
		}
		list.set(list.value)
	}
	return nil
}

// validCpuset accepts numbers and ranges joined by commas.
func validCpuset(list string) bool {
	for item := range strings.SplitSeq(list, ",") {
		low, high, isRange := strings.Cut(item, "-")
		first, err := strconv.ParseUint(low, 10, 16)
		if err != nil {
			return false
		}
		if !isRange {
			continue
		}
		if last, err := strconv.ParseUint(high, 10, 16); err != nil || last < first {
			return false
		}
	}
	return true
}

// cgroupsPath is the cgroup of container id.
func cgroupsPath(parent, id string) string { return path.Join("/", parent, "tug-"+id) }
