// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libexec/monitor"
	"golang.org/x/sys/unix"
)

func (c *subject) config() containerConfig {
	asked, exec := &c.asked, &c.asked.Exec
	entrypoint, command := c.entrypoint()
	cfg := containerConfig{
		Hostname: exec.Hostname, User: first(exec.User, c.image.User), Tty: exec.Terminal, OpenStdin: asked.Interactive,
		Env: c.env(), Cmd: command, Image: c.info.Record.ImageName, WorkingDir: first(exec.WorkDir, c.image.WorkingDir, "/"),
		Entrypoint: entrypoint, Labels: c.info.Record.Labels, Annotations: c.info.Record.Annotations, CreateCommand: asked.CreateCommand,
		StopSignal: unix.SignalName(asked.StopSignal), StopTimeout: uint(asked.StopTimeout.Seconds()), Timeout: uint(asked.Timeout.Seconds()),
		Volumes: c.image.Volumes, Umask: "0022",
	}
	if cfg.Hostname == "" && exec.UTS.Mode == libexec.Private {
		cfg.Hostname = c.info.Record.ID[:12]
	}
	if cfg.StopSignal == "" {
		cfg.StopSignal = fmt.Sprint(int(asked.StopSignal))
	}
	if exec.Umask != nil {
		cfg.Umask = fmt.Sprintf("%04o", *exec.Umask)
	}
	cfg.Healthcheck, cfg.HealthcheckOnFailureAction = c.healthCheck()
	if h := c.asked.Health; h != nil && h.Startup != nil {
		s := h.Startup
		cfg.StartupHealthCheck = &startupCheck{
			healthCheck{Test: s.Test, Interval: max(s.Interval, 0), Timeout: s.Timeout, Retries: s.Retries}, s.Successes,
		}
	}
	return cfg
}

func first(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}

// env is what the first process got, or what it is to get as far as that is
// known.
func (c *subject) env() []string {
	if p := c.spec.Process; p != nil {
		return list0(p.Env)
	}
	env := []string{}
	for _, entry := range slices.Concat(c.image.Env, c.asked.Exec.Env) {
		name, _, _ := strings.Cut(entry, "=")
		env = slices.DeleteFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
		env = append(env, entry)
	}
	return env
}

// healthCheck is in the record as a whole, the image's part of it too.
func (c *subject) healthCheck() (*healthCheck, string) {
	h := c.asked.Health
	if h == nil {
		return nil, ""
	}
	return &healthCheck{
		Test: h.Test, Interval: max(h.Interval, 0), Timeout: h.Timeout, StartPeriod: h.StartPeriod, Retries: h.Retries,
	}, h.OnFailure
}

func either[T comparable](a, b T) T {
	var zero T
	if a != zero {
		return a
	}
	return b
}

// mounts are those that were asked for.
func (c *subject) mounts(ctx context.Context) ([]mount, error) {
	list := []mount{}
	for _, m := range c.asked.Exec.Mounts {
		if m.Type == "bind" {
			list = append(list, newMount("bind", m.Source, m.Destination, m.Options))
		}
	}
	for i := range c.asked.Volumes {
		v := &c.asked.Volumes[i]
		switch {
		case v.Overlay != "":
			list = append(list, newMount("overlay", v.Overlay, v.Destination, v.Options))
		case v.Image != "":
			m := newMount("image", v.Image, v.Destination, v.Options)
			m.RW = v.ReadWrite
			list = append(list, m)
		default:
			list = append(list, c.volume(ctx, v))
		}
	}
	return list, nil
}

func newMount(kind, source, destination string, options []string) mount {
	m := mount{Type: kind, Source: source, Destination: destination, Options: list0(options), RW: !slices.Contains(options, "ro"), Propagation: "rprivate"}
	for _, option := range options {
		switch option {
		case "shared", "rshared", "slave", "rslave", "private", "rprivate", "unbindable", "runbindable":
			m.Propagation = option
		}
	}
	return m
}

// volume shows a volume of the store, also when it is gone.
func (c *subject) volume(ctx context.Context, v *launch.Volume) mount {
	m := newMount("volume", "", v.Destination, v.Options)
	m.Name, m.Driver = v.Name, "local"
	if found, err := c.store.Volume(ctx, v.Name); err == nil {
		m.Source, m.Driver = filepath.Join(found.Path, v.Subpath), first(found.Driver, "local")
	}
	return m
}

func (c *subject) hostConfig(mounts []mount) hostConfig {
	asked, exec := &c.asked, &c.asked.Exec
	r := &exec.Resources
	h := hostConfig{
		Binds: []string{}, LogConfig: c.logConfig(), NetworkMode: c.networkMode(), PortBindings: bindings(asked.Ports),
		RestartPolicy: restartPolicy{c.restart(), asked.Restart.Max}, AutoRemove: c.info.Record.Ephemeral || c.info.Record.AutoRemove,
		CapAdd: capabilities(exec.CapAdd), CapDrop: capabilities(exec.CapDrop), ExtraHosts: []string{}, GroupAdd: list0(exec.Groups),
		IpcMode: mode(exec.IPC, "private"), PidMode: mode(exec.PID, "private"), UTSMode: mode(exec.UTS, "private"), CgroupMode: mode(exec.Cgroup, "private"),
		Privileged: exec.Privileged, ReadonlyRootfs: exec.ReadOnly, Tmpfs: map[string]string{}, UsernsMode: first(c.asked.UserNS.Text, "host"), ShmSize: either(exec.ShmSize, 64<<20), Runtime: "oci",
		CPUShares: r.CPUShares, Memory: r.Memory, NanoCpus: int64(r.CPUs * 1e9), CgroupParent: exec.CgroupParent, CpusetCpus: r.CpusetCPUs, CpusetMems: r.CpusetMems,
		Devices: []device{}, MemoryReservation: r.MemoryReservation, MemorySwap: r.MemorySwap, PidsLimit: r.Pids, Ulimits: []ulimit{}, Init: exec.Init, Sysctls: exec.Sysctls,
	}
	h.limits(r)
	h.CgroupManager, h.Cgroups = first(exec.CgroupManager, libexec.ManagerCgroupfs), first(exec.Cgroups, "default")
	if h.PidsLimit == 0 {
		h.PidsLimit = libexec.DefaultPids
	}
	if exec.OOMScoreAdj != nil {
		h.OomScoreAdj = *exec.OOMScoreAdj
	}
	for _, m := range mounts {
		options := m.Options
		if m.RW && !slices.Contains(options, "rw") {
			options = append([]string{"rw"}, options...)
		}
		h.Binds = append(h.Binds, first(m.Name, m.Source)+":"+m.Destination+":"+strings.Join(options, ","))
	}
	for _, m := range exec.Mounts {
		if m.Type == "tmpfs" {
			h.Tmpfs[m.Destination] = strings.Join(m.Options, ",")
		}
	}
	for _, host := range exec.ExtraHosts {
		h.ExtraHosts = append(h.ExtraHosts, host.Name+":"+host.Address)
	}
	for _, d := range exec.Devices {
		h.Devices = append(h.Devices, device{d.Source, first(d.Destination, d.Source), first(d.Access, "rwm")})
	}
	for _, limit := range exec.Rlimits {
		h.Ulimits = append(h.Ulimits, ulimit{"RLIMIT_" + strings.ToUpper(limit.Name), int64(limit.Soft), int64(limit.Hard)})
	}
	return h
}

// capabilities gives them the names that the kernel has.
func capabilities(names []string) []string {
	full := []string{}
	for _, name := range names {
		name = strings.ToUpper(name)
		if name != "ALL" && !strings.HasPrefix(name, "CAP_") {
			name = "CAP_" + name
		}
		full = append(full, name)
	}
	return full
}

func mode(n libexec.Namespace, private string) string {
	switch n.Mode {
	case libexec.Private:
		return private
	case libexec.PathMode:
		return "ns:" + n.Path
	case libexec.ContainerMode:
		return "container:" + n.Path
	}
	return string(n.Mode)
}

func (c *subject) logConfig() logConfig {
	log := &c.asked.Log
	shown := logConfig{Type: log.Driver, Path: log.Path, Tag: log.Tag, Size: "0B"}
	if log.Driver == monitor.LogFile || log.Driver == "" {
		shown.Type = "k8s-file"
		shown.Path = launch.LogPath(c.info, &c.asked)
	}
	return shown
}

// limits are those that few containers have.
func (h *hostConfig) limits(r *libexec.Resources) {
	h.CpuPeriod, h.CpuQuota, h.CpuRealtimePeriod, h.CpuRealtimeRun = r.CPUPeriod, r.CPUQuota, r.CPURealtimePeriod, r.CPURealtimeRuntime
	h.BlkioWeight, h.BlkioWeightDevice = r.BlkioWeight, deviceRates(r.BlkioWeightDevice)
	h.ReadBps, h.WriteBps = deviceRates(r.ReadBps), deviceRates(r.WriteBps)
	h.ReadIOps, h.WriteIOps = deviceRates(r.ReadIOps), deviceRates(r.WriteIOps)
	h.MemorySwappiness, h.OomKillDisable = -1, r.OOMKillDisable
	if r.MemorySwappiness != nil {
		h.MemorySwappiness = int64(*r.MemorySwappiness)
	}
}

func deviceRates(rates []libexec.DeviceRate) []deviceRate {
	list := []deviceRate{}
	for _, rate := range rates {
		list = append(list, deviceRate(rate))
	}
	return list
}
