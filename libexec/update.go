// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-tools/generate"

	"github.com/tug-containers/tug/internal/ondisk"
	"github.com/tug-containers/tug/internal/proc"
)

// CheckLimits looks whether the limits of a container make sense together, and
// whether this host can apply them.
func (o Options) CheckLimits() error {
	_, err := o.limitsOn(thisHost())
	return err
}

// limitsOn gives limits in OCI's terms.
func (o Options) limitsOn(host cgroupHost) (*specs.LinuxResources, error) {
	o.ID, o.Debug = "limits", nil
	b := &builder{
		opts:    &o,
		g:       generate.NewFromSpec(&specs.Spec{Linux: &specs.Linux{Resources: &specs.LinuxResources{}}}),
		cgroups: host,
	}
	if err := b.resources(); err != nil {
		return nil, err
	}
	if limits := b.g.Config.Linux.Resources; limits != nil {
		return limits, nil
	}
	return &specs.LinuxResources{}, nil // there is no cgroup, and so nothing to limit
}

// Update changes the limits of a running container, which was made with the options
// o, from what they were to what they shall be. A runtime that fails has changed none
// of them, or some: the kernel is asked for one after the other.
func (r *Runtime) Update(ctx context.Context, c Container, o Options, to Resources) (err error) {
	if err := checkContainer(c); err != nil {
		return err
	}
	host, err := c.cgroups()
	if errIsNotExist(err) {
		err = errors.New("it has ended")
	}
	if err != nil {
		return fmt.Errorf("container %s: %w", c.ID, err)
	}
	change, err := difference(host, o, to)
	if err != nil || change == nil {
		return err
	}
	if !strings.Contains(host.self, c.ID) {
		// A runtime would change those of everybody who is there.
		return unsupportedError("update", "container %s: it has no cgroup of its own, whose limits could be changed", c.ID)
	}
	data, err := json.Marshal(change)
	if err != nil {
		return fmt.Errorf("internal error: container %s: resources: %w", c.ID, err)
	}
	dir, err := os.MkdirTemp(c.Bundle, "update-")
	if err != nil {
		return fmt.Errorf("container %s: %w", c.ID, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "resources.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return fmt.Errorf("container %s: %w", c.ID, err)
	}
	w := &watch{r: r, c: Container{ID: c.ID, Bundle: dir}, o: &RunOptions{}, settled: true, checked: true}
	w.o.setDefaults()
	err = w.runVerb("update", func(ended <-chan struct{}) {
		w.until(ctx, "update", ended, w.o.StartTimeout, true)
	}, "--log", w.c.logFile(), "--log-format", "json", "update", "--resources", file, c.ID)
	if err := errors.Join(w.reason, err); err != nil {
		return err
	}
	return r.verifyUpdate(c, host, change)
}

// cgroups are those that a container is in.
func (c Container) cgroups() (cgroupHost, error) {
	self, err := ondisk.ReadHost("/proc/"+strconv.Itoa(proc.PidFile(c.pidFile()))+"/cgroup", 1<<16)
	return hostOf(string(self)), err
}

// difference is what a runtime must be told, nil when that is nothing. A group
// of limits in which one differs is told as a whole: some only make sense
// together.
func difference(host cgroupHost, o Options, to Resources) (*specs.LinuxResources, error) {
	from := o.Resources
	before, err := o.limitsOn(host)
	if err != nil {
		// It was made when the host could do more.
		before = &specs.LinuxResources{}
	}
	o.Resources = to
	after, err := o.limitsOn(host)
	if err != nil {
		return nil, err
	}
	change := &specs.LinuxResources{}
	if !reflect.DeepEqual(before.Memory, after.Memory) {
		change.Memory = memoryChange(before.Memory, after.Memory)
	}
	if !reflect.DeepEqual(before.CPU, after.CPU) {
		change.CPU = cpuChange(before.CPU, after.CPU)
	}
	if !reflect.DeepEqual(before.BlockIO, after.BlockIO) {
		change.BlockIO = blockIOChange(before.BlockIO, after.BlockIO)
	}
	if !maps.Equal(from.Unified, to.Unified) {
		change.Unified = to.Unified
	}
	if from.Pids != to.Pids {
		change.Pids = after.Pids
		if change.Pids == nil || change.Pids.Limit == nil {
			most := int64(maxPids)
			change.Pids = &specs.LinuxPids{Limit: &most}
		}
	}
	if reflect.ValueOf(*change).IsZero() {
		return nil, nil
	}
	return change, nil
}

// Limits that limit nothing: the kernel's PID_MAX_LIMIT, and more processors than
// there are. Told that there is none, crun writes -1, which the kernel does not
// take.
const (
	maxPids = 4 << 20
	maxCPUs = 1 << 20
)

// memoryChange lifts what was limited and is not to be any more.
func memoryChange(before, after *specs.LinuxMemory) *specs.LinuxMemory {
	if before == nil {
		before = &specs.LinuxMemory{}
	}
	change := specs.LinuxMemory{}
	if after != nil {
		change = *after
	}
	unlimited := int64(-1)
	for _, limit := range []struct{ was, is **int64 }{
		{&before.Limit, &change.Limit}, {&before.Swap, &change.Swap}, {&before.Reservation, &change.Reservation},
	} {
		if *limit.was != nil && *limit.is == nil {
			*limit.is = &unlimited
		}
	}
	return &change
}

// cpuChange does the same for processors. A set of processors stays when no
// other is named.
func cpuChange(before, after *specs.LinuxCPU) *specs.LinuxCPU {
	change := specs.LinuxCPU{}
	if after != nil {
		change = *after
	}
	if before != nil && before.Quota != nil && change.Quota == nil {
		most := int64(maxCPUs) * cpuPeriod
		change.Quota, change.Period = &most, before.Period
	}
	if before != nil && before.Shares != nil && change.Shares == nil {
		usual := uint64(1024)
		change.Shares = &usual
	}
	return &change
}
