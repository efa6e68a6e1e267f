// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"strconv"
	"strings"
)

const cpuPeriod = 100_000 // microseconds

// The values of Options.Cgroups and Options.CgroupManager.
const (
	// CgroupsEnabled is a cgroup of the container's own; the default.
	CgroupsEnabled = "enabled"
	// CgroupsDisabled is none: the container stays in that of its starter.
	CgroupsDisabled = "disabled"
	// CgroupsSplit is one below that of its starter.
	CgroupsSplit = "split"

	// ManagerCgroupfs has the runtime make the directory; the default.
	ManagerCgroupfs = "cgroupfs"
	// ManagerSystemd has it ask systemd for a scope.
	ManagerSystemd = "systemd"
)

// resources sets the cgroup and its limits.
func (b *builder) resources() error {
	host := b.cgroups
	base, ok := host.place(b.opts)
	if err := b.cgroup(host, base); err != nil {
		return err
	}
	r := &b.opts.Resources
	for _, step := range []func(*Resources) error{b.memory, b.cpu, b.blockIO, b.unified} {
		if err := step(r); err != nil {
			return err
		}
	}
	if r.Pids < -1 {
		return optionError("--pids-limit", "pids limit %d: must be positive, or -1 for none", r.Pids)
	}
	if err := b.checkLimits(host, base, ok); err != nil {
		return err
	}
	if b.g.Config.Linux.CgroupsPath == "" && b.opts.Cgroups != CgroupsDisabled {
		b.g.Config.Linux.Resources = nil // there is no cgroup for them
		b.note("no cgroup: none may be made here")
		return nil
	}
	switch {
	case r.Pids > 0:
		b.g.SetLinuxResourcesPidsLimit(r.Pids)
	case r.Pids == 0 && b.opts.Cgroups != CgroupsDisabled && ok && host.has(base, "pids"):
		b.g.SetLinuxResourcesPidsLimit(DefaultPids)
	case r.Pids == 0:
		b.note("no limit of processes: there is no pids controller for this container")
	}
	return nil
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
	case r.MemorySwap != 0:
		b.g.SetLinuxResourcesMemorySwap(r.MemorySwap)
	case r.Memory > 0 && r.Memory <= 1<<62 && b.cgroups.countsSwap():
		b.g.SetLinuxResourcesMemorySwap(2 * r.Memory)
	}
	if s := r.MemorySwappiness; s != nil {
		if *s > 100 {
			return optionError("--memory-swappiness", "memory swappiness %d: not between 0 and 100", *s)
		}
		b.g.SetLinuxResourcesMemorySwappiness(*s)
	}
	if r.OOMKillDisable {
		b.g.SetLinuxResourcesMemoryDisableOOMKiller(true)
	}
	return nil
}

func (b *builder) cpu(r *Resources) error {
	if r.CPUs != 0 {
		if !(r.CPUs >= 0.01 && r.CPUs <= maxCPUs) {
			return optionError("--cpus", "cpus %s: must be at least 0.01", strconv.FormatFloat(r.CPUs, 'g', -1, 64))
		}
		if r.CPUPeriod != 0 || r.CPUQuota != 0 {
			return optionError("--cpus", "cpus: not together with a period or a quota, which say the same")
		}
		b.g.SetLinuxResourcesCPUPeriod(cpuPeriod)
		b.g.SetLinuxResourcesCPUQuota(int64(r.CPUs * cpuPeriod))
	}
	if err := b.cpuTimes(r); err != nil {
		return err
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
