// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/errclass"
)

// limit is one that a host may be unable to set.
type limit struct {
	flag, controller string
	files            []string // of version 1, one of which it is written to
	asked            bool
	old, new         bool // it exists with version 1, 2 only
}

func (r *Resources) limits() []limit {
	all := []limit{
		{flag: "--memory", controller: "memory", files: []string{"memory.limit_in_bytes"}, asked: r.Memory != 0},
		{flag: "--memory-swap", controller: "memory", files: []string{"memory.memsw.limit_in_bytes"}, asked: r.MemorySwap != 0},
		{flag: "--memory-reservation", controller: "memory", files: []string{"memory.soft_limit_in_bytes"}, asked: r.MemoryReservation != 0},
		{flag: "--memory-swappiness", controller: "memory", files: []string{"memory.swappiness"}, asked: r.MemorySwappiness != nil, old: true},
		{flag: "--oom-kill-disable", controller: "memory", files: []string{"memory.oom_control"}, asked: r.OOMKillDisable, old: true},
		{flag: "--cpus", controller: "cpu", files: []string{"cpu.cfs_quota_us"}, asked: r.CPUs != 0},
		{flag: "--cpu-period", controller: "cpu", files: []string{"cpu.cfs_period_us"}, asked: r.CPUPeriod != 0},
		{flag: "--cpu-quota", controller: "cpu", files: []string{"cpu.cfs_quota_us"}, asked: r.CPUQuota != 0},
		{flag: "--cpu-rt-period", controller: "cpu", files: []string{"cpu.rt_period_us"}, asked: r.CPURealtimePeriod != 0, old: true},
		{flag: "--cpu-rt-runtime", controller: "cpu", files: []string{"cpu.rt_runtime_us"}, asked: r.CPURealtimeRuntime != 0, old: true},
		{flag: "--cpu-shares", controller: "cpu", files: []string{"cpu.shares"}, asked: r.CPUShares != 0},
		{flag: "--cpuset-cpus", controller: "cpuset", files: []string{"cpuset.cpus"}, asked: r.CpusetCPUs != ""},
		{flag: "--cpuset-mems", controller: "cpuset", files: []string{"cpuset.mems"}, asked: r.CpusetMems != ""},
		{flag: "--blkio-weight", controller: "blkio", files: []string{"blkio.bfq.weight", "blkio.weight"}, asked: r.BlkioWeight != 0},
		{flag: "--blkio-weight-device", controller: "blkio", files: []string{"blkio.bfq.weight_device", "blkio.weight_device"}, asked: r.BlkioWeightDevice != nil},
		{flag: "--device-read-bps", controller: "blkio", files: []string{"blkio.throttle.read_bps_device"}, asked: r.ReadBps != nil},
		{flag: "--device-write-bps", controller: "blkio", files: []string{"blkio.throttle.write_bps_device"}, asked: r.WriteBps != nil},
		{flag: "--device-read-iops", controller: "blkio", files: []string{"blkio.throttle.read_iops_device"}, asked: r.ReadIOps != nil},
		{flag: "--device-write-iops", controller: "blkio", files: []string{"blkio.throttle.write_iops_device"}, asked: r.WriteIOps != nil},
		{flag: "--pids-limit", controller: "pids", files: []string{"pids.max"}, asked: r.Pids > 0},
	}
	for _, file := range slices.Sorted(maps.Keys(r.Unified)) {
		controller, _, _ := strings.Cut(file, ".")
		all = append(all, limit{flag: "--cgroup-conf", controller: controller, asked: true, new: true})
	}
	return all
}

// checkLimits refuses a limit that cannot be set: a runtime may leave it out
// without a word.
func (b *builder) checkLimits(host cgroupHost, base string, usable bool) error {
	for _, l := range b.opts.Resources.limits() {
		if !l.asked {
			continue
		}
		if b.opts.Cgroups == CgroupsDisabled {
			return optionError(l.flag, "%s: a limit of a cgroup, and --cgroups disabled says that there is none", l.flag)
		}
		if err := host.check(l, base, usable || b.opts.CgroupManager == ManagerSystemd); err != nil {
			return err
		}
	}
	return nil
}

func (h cgroupHost) check(l limit, base string, usable bool) error {
	unified := h.unified()
	switch {
	case unified && l.old:
		return unsupportedError(l.flag, "%s: cgroups of version 2, which this host has, know no such limit", l.flag)
	case !unified && l.new:
		return unsupportedError(l.flag, "%s: it needs cgroups of version 2, and this host has version 1", l.flag)
	case l.new && (l.controller == "hugetlb" || l.controller == "misc" || l.controller == "rdma"):
		return nil // the kernel says whether it has the file
	case !usable && !unified && !h.exists(l.controller):
		return unsupportedError(l.flag, "%s: this host has no %s cgroup controller", l.flag, l.controller)
	case !usable:
		return unsupportedError(l.flag, "%s: no %s cgroup may be made here: nobody has delegated one to this user", l.flag, l.controller)
	case !h.has(base, l.controller) && unified && base != "/":
		return unsupportedError(l.flag, "%s: the %s cgroup controller is not delegated to %s", l.flag, l.controller, shorten(base))
	case !h.has(base, l.controller):
		return unsupportedError(l.flag, "%s: this host has no %s cgroup controller", l.flag, l.controller)
	case unified:
		return nil
	case l.flag == "--memory-swap" && !h.countsSwap():
		return unsupportedError(l.flag, "%s: this host does not count swap", l.flag)
	case !h.file(l.controller, l.files...):
		return unsupportedError(l.flag, "%s: the %s cgroup controller of this host has no %s", l.flag, l.controller, strings.Join(l.files, " or "))
	}
	return nil
}

// countsSwap reports whether memory and swap can be limited together. On
// cgroup v2 a runtime leaves out what a kernel without swap accounting lacks.
func (h cgroupHost) countsSwap() bool {
	return h.unified() || h.exists("memory", "memory.memsw.limit_in_bytes")
}

// cpuTimes sets periods and what may be used of them.
func (b *builder) cpuTimes(r *Resources) error {
	if p := r.CPUPeriod; p != 0 {
		if p < 1000 || p > 1_000_000 {
			return optionError("--cpu-period", "cpu period %d: not between 1000 and 1000000 microseconds", p)
		}
		b.g.SetLinuxResourcesCPUPeriod(p)
	}
	if q := r.CPUQuota; q != 0 {
		if q < 1000 && q != -1 {
			return optionError("--cpu-quota", "cpu quota %d: must be at least 1000 microseconds, or -1 for none", q)
		}
		b.g.SetLinuxResourcesCPUQuota(q)
	}
	if p := r.CPURealtimePeriod; p != 0 {
		b.g.SetLinuxResourcesCPURealtimePeriod(p)
	}
	if t := r.CPURealtimeRuntime; t != 0 {
		if t < -1 || t > 0 && r.CPURealtimePeriod != 0 && uint64(t) > r.CPURealtimePeriod {
			return optionError("--cpu-rt-runtime", "cpu realtime runtime %d: more than its period", t)
		}
		b.g.SetLinuxResourcesCPURealtimeRuntime(t)
	}
	return nil
}

// blockIO sets weights and rates of block devices.
func (b *builder) blockIO(r *Resources) error {
	io := &specs.LinuxBlockIO{}
	if w := r.BlkioWeight; w != 0 {
		if w < 10 || w > 1000 {
			return optionError("--blkio-weight", "blkio weight %d: not between 10 and 1000", w)
		}
		io.Weight = &w
	}
	for _, device := range r.BlkioWeightDevice {
		if device.Rate < 10 || device.Rate > 1000 {
			return optionError("--blkio-weight-device", "blkio weight %d of %s: not between 10 and 1000", device.Rate, shorten(device.Path))
		}
		major, minor, err := blockDevice("--blkio-weight-device", device.Path)
		if err != nil {
			return err
		}
		weight := uint16(device.Rate)
		d := specs.LinuxWeightDevice{Weight: &weight}
		d.Major, d.Minor = major, minor
		io.WeightDevice = append(io.WeightDevice, d)
	}
	for _, rates := range []struct {
		flag string
		from []DeviceRate
		to   *[]specs.LinuxThrottleDevice
	}{
		{"--device-read-bps", r.ReadBps, &io.ThrottleReadBpsDevice},
		{"--device-write-bps", r.WriteBps, &io.ThrottleWriteBpsDevice},
		{"--device-read-iops", r.ReadIOps, &io.ThrottleReadIOPSDevice},
		{"--device-write-iops", r.WriteIOps, &io.ThrottleWriteIOPSDevice},
	} {
		for _, device := range rates.from {
			major, minor, err := blockDevice(rates.flag, device.Path)
			if err != nil {
				return err
			}
			d := specs.LinuxThrottleDevice{Rate: device.Rate}
			d.Major, d.Minor = major, minor
			*rates.to = append(*rates.to, d)
		}
	}
	if io.Weight != nil || io.WeightDevice != nil || io.ThrottleReadBpsDevice != nil || io.ThrottleWriteBpsDevice != nil ||
		io.ThrottleReadIOPSDevice != nil || io.ThrottleWriteIOPSDevice != nil {
		b.g.Config.Linux.Resources.BlockIO = io
	}
	return nil
}

// blockDevice gives the numbers of a block device by its node.
func blockDevice(flag, path string) (major, minor int64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, specError(errclass.Usage, ErrOption, flag, "%s %s: %w", flag, shorten(path), reason(err))
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return 0, 0, optionError(flag, "%s %s: %s, not a block device", flag, shorten(path), kindOf(info.Mode()))
	}
	return int64(unix.Major(uint64(st.Rdev))), int64(unix.Minor(uint64(st.Rdev))), nil
}

// unified hands over files of a cgroup of version 2. A name is that of a file of a
// controller, so that no other place is written to.
func (b *builder) unified(r *Resources) error {
	for name, value := range r.Unified {
		controller, rest, ok := strings.Cut(name, ".")
		if !ok || controller == "" || rest == "" || filepath.Base(name) != name || !onlyBytes(name, "._-") || controller == "cgroup" || strings.ContainsAny(value, "\x00\n") {
			return optionError("--cgroup-conf", "--cgroup-conf %s: not the file of a controller, as memory.high", shorten(name))
		}
	}
	if len(r.Unified) > 0 {
		b.g.Config.Linux.Resources.Unified = r.Unified
	}
	return nil
}
