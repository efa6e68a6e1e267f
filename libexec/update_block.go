// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
)

// usualWeight is the kernel's weight of a cgroup that nobody gave one.
const usualWeight = 100

// blockIOChange lifts what was limited and is not to be any more: a rate of 0 is
// none.
func blockIOChange(before, after *specs.LinuxBlockIO) *specs.LinuxBlockIO {
	if before == nil {
		before = &specs.LinuxBlockIO{}
	}
	change := specs.LinuxBlockIO{}
	if after != nil {
		change = *after
	}
	if before.Weight != nil && change.Weight == nil {
		weight := uint16(usualWeight)
		change.Weight = &weight
	}
	for _, d := range before.WeightDevice {
		if !slices.ContainsFunc(change.WeightDevice, func(o specs.LinuxWeightDevice) bool { return o.Major == d.Major && o.Minor == d.Minor }) {
			weight := uint16(usualWeight)
			d.Weight = &weight
			change.WeightDevice = append(change.WeightDevice, d)
		}
	}
	for _, rates := range []struct{ was, is *[]specs.LinuxThrottleDevice }{
		{&before.ThrottleReadBpsDevice, &change.ThrottleReadBpsDevice},
		{&before.ThrottleWriteBpsDevice, &change.ThrottleWriteBpsDevice},
		{&before.ThrottleReadIOPSDevice, &change.ThrottleReadIOPSDevice},
		{&before.ThrottleWriteIOPSDevice, &change.ThrottleWriteIOPSDevice},
	} {
		for _, d := range *rates.was {
			if !slices.ContainsFunc(*rates.is, func(o specs.LinuxThrottleDevice) bool { return o.Major == d.Major && o.Minor == d.Minor }) {
				d.Rate = 0
				*rates.is = append(*rates.is, d)
			}
		}
	}
	return &change
}

// written is a line that a file of a cgroup must have when a limit was set; one
// that lifts a limit must be gone.
type written struct {
	flag, file, line string
	gone             bool
}

// verifyUpdate looks whether a runtime has set those limits that some leave out of
// an update without a word.
func (r *Runtime) verifyUpdate(c Container, at cgroupHost, change *specs.LinuxResources) error {
	for _, w := range writes(change, at.unified()) {
		controller, _, _ := strings.Cut(w.file, ".")
		dir := filepath.Join(at.root, at.current(""))
		if !at.unified() {
			dir = filepath.Join(at.root, controller, at.current(controller))
		}
		data, err := ondisk.ReadHost(filepath.Join(dir, w.file), 1<<16)
		found := slices.ContainsFunc(strings.Split(string(data), "\n"), func(line string) bool { return strings.HasPrefix(line+" ", w.line+" ") })
		if err != nil || found == w.gone {
			why := fmt.Errorf("container %s: %s has left %s of a running container as it was", c.ID, r.Name, w.flag)
			return errclass.New(errclass.Unsupported, w.flag, errors.Join(why, err))
		}
	}
	return nil
}

// writes are the lines that a change must leave in files of the cgroup.
func writes(change *specs.LinuxResources, unified bool) (all []written) {
	if m := change.Memory; m != nil && !unified {
		if m.Swappiness != nil {
			all = append(all, written{flag: "--memory-swappiness", file: "memory.swappiness", line: strconv.FormatUint(*m.Swappiness, 10)})
		}
		if m.DisableOOMKiller != nil && *m.DisableOOMKiller {
			all = append(all, written{flag: "--oom-kill-disable", file: "memory.oom_control", line: "oom_kill_disable 1"})
		}
	}
	if change.BlockIO == nil || unified {
		return all // crun and runc hand all of it over with version 2
	}
	for _, rates := range []struct {
		flag, file string
		devices    []specs.LinuxThrottleDevice
	}{
		{"--device-read-bps", "blkio.throttle.read_bps_device", change.BlockIO.ThrottleReadBpsDevice},
		{"--device-write-bps", "blkio.throttle.write_bps_device", change.BlockIO.ThrottleWriteBpsDevice},
		{"--device-read-iops", "blkio.throttle.read_iops_device", change.BlockIO.ThrottleReadIOPSDevice},
		{"--device-write-iops", "blkio.throttle.write_iops_device", change.BlockIO.ThrottleWriteIOPSDevice},
	} {
		for _, d := range rates.devices {
			w := written{flag: rates.flag, file: rates.file, line: fmt.Sprintf("%d:%d %d", d.Major, d.Minor, d.Rate)}
			if d.Rate == 0 {
				w.line, w.gone = fmt.Sprintf("%d:%d", d.Major, d.Minor), true
			}
			all = append(all, w)
		}
	}
	return all
}
