// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-tools/generate"

	"github.com/tug-containers/tug/internal/errclass"
)

// fakeHost makes a host's cgroups of files: names ending in a slash are
// directories. Nothing can be written but below what is named.
func fakeHost(t *testing.T, self string, writable []string, files map[string]string) cgroupHost {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil && strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o755)
		} else if err == nil {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return cgroupHost{root: root, self: self, writable: func(dir string) bool {
		name := strings.TrimPrefix(strings.TrimPrefix(dir, root), "/")
		return slices.ContainsFunc(writable, func(w string) bool { return within("/"+name, "/"+w) })
	}}
}

const userSelf = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/shell.scope\n"

func fakeHosts(t *testing.T) map[string]cgroupHost {
	v1 := map[string]string{
		"memory/cgroup.procs": "1\n", "memory/memory.limit_in_bytes": "", "memory/memory.soft_limit_in_bytes": "", "memory/memory.swappiness": "",
		"memory/memory.oom_control": "", "cpu/cgroup.procs": "", "cpu/cpu.shares": "", "cpu/cpu.cfs_quota_us": "", "cpu/cpu.cfs_period_us": "", "cpu/x/cpu.shares": "",
		"cpuset/cgroup.procs": "", "cpuset/cpuset.cpus": "", "cpuset/cpuset.mems": "",
		"blkio/cgroup.procs": "", "blkio/blkio.throttle.read_bps_device": "", "blkio/x/blkio.throttle.read_bps_device": "",
		"pids/cgroup.procs": "", "pids/x/pids.max": "",
	}
	hybrid := map[string]string{"unified/cgroup.procs": "", "unified/cgroup.controllers": "hugetlb\n", "memory/memory.memsw.limit_in_bytes": ""}
	for name := range v1 {
		hybrid[name] = v1[name]
	}
	const all = "cpuset cpu io memory hugetlb pids rdma misc\n"
	app := "user.slice/user-1000.slice/user@1000.service/"
	user := func(controllers string) map[string]string {
		return map[string]string{
			"cgroup.controllers": all, "cgroup.procs": "1\n", "user.slice/cgroup.procs": "", "user.slice/cgroup.controllers": all,
			app + "cgroup.procs": "", app + "cgroup.controllers": controllers,
			app + "app.slice/cgroup.procs": "", app + "app.slice/cgroup.controllers": controllers,
			app + "app.slice/shell.scope/cgroup.procs": "77\n", app + "app.slice/shell.scope/cgroup.controllers": controllers,
		}
	}
	root := map[string]string{"cgroup.controllers": all, "cgroup.procs": "1\n"}
	return map[string]cgroupHost{
		"v1":                fakeHost(t, "2:memory:/\n1:cpu:/\n", []string{""}, v1),
		"v1 user":           fakeHost(t, "2:memory:/user\n", nil, v1),
		"hybrid":            fakeHost(t, "2:memory:/\n0::/\n", []string{""}, hybrid),
		"v2":                fakeHost(t, "0::/init.scope\n", []string{""}, root),
		"v2 bare":           fakeHost(t, "0::/\n", []string{""}, map[string]string{"cgroup.controllers": "\n", "cgroup.procs": ""}),
		"v2 user delegated": fakeHost(t, userSelf, []string{strings.TrimSuffix(app, "/")}, user("memory pids\n")),
		"v2 user bare":      fakeHost(t, userSelf, nil, user("memory pids\n")),
		"v2 user crowded":   fakeHost(t, userSelf, []string{app + "app.slice/shell.scope"}, user("memory pids\n")),
		"none":              fakeHost(t, "", []string{""}, map[string]string{"x/": ""}),
	}
}

func TestCgroupBase(t *testing.T) {
	want := map[string]string{
		"v1": "/", "v1 user": "", "hybrid": "/", "v2": "/", "v2 bare": "/", "v2 user bare": "", "v2 user crowded": "", "none": "",
		"v2 user delegated": "/user.slice/user-1000.slice/user@1000.service",
	}
	for name, host := range fakeHosts(t) {
		if base, ok := host.base(); base != want[name] || ok != (base != "") {
			t.Errorf("%s: %q, %v; want %q", name, base, ok, want[name])
		}
	}
}

// TestLimitsAreNeverDropped sets each limit on each kind of host: it is in the
// specification, or the error names it.
func TestLimitsAreNeverDropped(t *testing.T) {
	swappiness := uint64(10)
	device := []DeviceRate{{blockNode(t), 100}}
	limits := []struct {
		flag string
		set  Resources
		in   string // the hosts that can
	}{
		{"--memory", Resources{Memory: 1 << 24}, "v1,hybrid,v2,v2 user delegated"},
		{"--memory-reservation", Resources{MemoryReservation: 1 << 24}, "v1,hybrid,v2,v2 user delegated"},
		{"--memory-swap", Resources{Memory: 1 << 24, MemorySwap: 1 << 25}, "hybrid,v2,v2 user delegated"},
		{"--memory-swappiness", Resources{MemorySwappiness: &swappiness}, "v1,hybrid"},
		{"--oom-kill-disable", Resources{OOMKillDisable: true}, "v1,hybrid"},
		{"--cpus", Resources{CPUs: 0.5}, "v1,hybrid,v2"},
		{"--cpu-shares", Resources{CPUShares: 5}, "v1,hybrid,v2"},
		{"--cpu-period", Resources{CPUPeriod: 5000}, "v1,hybrid,v2"},
		{"--cpu-quota", Resources{CPUQuota: 5000}, "v1,hybrid,v2"},
		{"--cpu-rt-period", Resources{CPURealtimePeriod: 5000}, ""},
		{"--cpu-rt-runtime", Resources{CPURealtimeRuntime: 5000}, ""},
		{"--cpuset-cpus", Resources{CpusetCPUs: "0"}, "v1,hybrid,v2"},
		{"--cpuset-mems", Resources{CpusetMems: "0"}, "v1,hybrid,v2"},
		{"--blkio-weight", Resources{BlkioWeight: 100}, "v2"},
		{"--blkio-weight-device", Resources{BlkioWeightDevice: device}, "v2"},
		{"--device-read-bps", Resources{ReadBps: device}, "v1,hybrid,v2"},
		{"--device-write-bps", Resources{WriteBps: device}, "v2"},
		{"--device-read-iops", Resources{ReadIOps: device}, "v2"},
		{"--device-write-iops", Resources{WriteIOps: device}, "v2"},
		{"--cgroup-conf", Resources{Unified: map[string]string{"memory.high": "1"}}, "v2,v2 user delegated"},
		{"--pids-limit", Resources{Pids: 7}, "v1,hybrid,v2,v2 user delegated"},
	}
	for name, host := range fakeHosts(t) {
		bare, err := linuxOn(host, Options{})
		if err != nil {
			t.Errorf("%s without a limit: %v", name, err)
			continue
		}
		for _, l := range limits {
			can := slices.Contains(strings.Split(l.in, ","), name)
			got, err := linuxOn(host, Options{Resources: l.set})
			switch {
			case can && err != nil:
				t.Errorf("%s, %s: %v", name, l.flag, err)
			case can && specDigest(t, got) == specDigest(t, bare):
				t.Errorf("%s, %s: not in the specification", name, l.flag)
			case !can && (!errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), l.flag) && !strings.Contains(err.Error(), "--memory")):
				t.Errorf("%s, %s: %v", name, l.flag, err)
			}
			if _, err := linuxOn(host, Options{Resources: l.set, Cgroups: CgroupsDisabled}); !errors.Is(err, errclass.Usage) {
				t.Errorf("%s, %s without a cgroup: %v", name, l.flag, err)
			}
		}
	}
}

func TestCgroupPlaces(t *testing.T) {
	hosts := fakeHosts(t)
	const user = "/user.slice/user-1000.slice/user@1000.service"
	for _, tc := range []struct {
		host       string
		opts       Options
		path, fail string
	}{
		{"hybrid", Options{}, "/tug-x", ""},
		{"hybrid", Options{CgroupParent: "a/b"}, "/a/b/tug-x", ""},
		{"hybrid", Options{CgroupManager: ManagerSystemd}, "machine.slice:tug:x", ""},
		{"hybrid", Options{CgroupManager: ManagerSystemd, CgroupParent: "a-b.slice"}, "a-b.slice:tug:x", ""},
		{"hybrid", Options{CgroupManager: ManagerSystemd, CgroupParent: "/a"}, "", "slice"},
		{"hybrid", Options{CgroupManager: ManagerSystemd, CgroupParent: "a/b.slice"}, "", "slice"},
		{"hybrid", Options{CgroupManager: "other"}, "", "cgroupfs or systemd"},
		{"hybrid", Options{Cgroups: "other"}, "", "enabled, disabled or split"},
		{"hybrid", Options{Cgroups: CgroupsDisabled}, "", ""},
		{"hybrid", Options{Cgroups: CgroupsDisabled, CgroupParent: "/a"}, "", "without a cgroup"},
		{"hybrid", Options{Cgroups: CgroupsSplit}, "", "version 2"},
		{"hybrid", Options{CgroupParent: "../a"}, "", "not a path"},
		{"v2", Options{Cgroups: CgroupsSplit}, "/init.scope/tug-x", ""},
		{"v2", Options{Cgroups: CgroupsSplit, CgroupParent: "/a"}, "", "split"},
		{"v2 user delegated", Options{}, user + "/tug-x", ""},
		{"v2 user delegated", Options{CgroupParent: "/mine"}, user + "/mine/tug-x", ""},
		{"v2 user bare", Options{}, "", ""},
		{"v1 user", Options{}, "", ""},
		{"v1 user", Options{CgroupParent: "/a"}, "", "no cgroup may be made"},
		{"none", Options{}, "", ""},
	} {
		tc.opts.ID = "x"
		b := &builder{opts: &tc.opts, cgroups: hosts[tc.host], g: generate.NewFromSpec(&specs.Spec{Linux: &specs.Linux{Resources: &specs.LinuxResources{}}})}
		err := b.resources()
		if tc.fail != "" {
			if err == nil || !strings.Contains(err.Error(), tc.fail) {
				t.Errorf("%s, %+v: %v", tc.host, tc.opts, err)
			}
			continue
		}
		if err != nil || b.g.Config.Linux.CgroupsPath != tc.path {
			t.Errorf("%s, cgroups %q, manager %q, parent %q: %q, %v; want %q", tc.host, tc.opts.Cgroups, tc.opts.CgroupManager, tc.opts.CgroupParent,
				b.g.Config.Linux.CgroupsPath, err, tc.path)
		}
	}
	for specPath, want := range map[string]string{
		"/a/tug-x": "/a/tug-x", "machine.slice:tug:x": "/machine.slice/tug-x.scope", "a-b-c.slice:tug:x": "/a.slice/a-b.slice/a-b-c.slice/tug-x.scope",
	} {
		if got := cgroupDir(specPath); got != want {
			t.Errorf("%s: %s, want %s", specPath, got, want)
		}
	}
}

func linuxOn(host cgroupHost, o Options) (*specs.LinuxResources, error) {
	b := &builder{opts: &o, cgroups: host, g: generate.NewFromSpec(&specs.Spec{Linux: &specs.Linux{Resources: &specs.LinuxResources{}}})}
	err := b.resources()
	return b.g.Config.Linux.Resources, err
}

func specDigest(t *testing.T, r *specs.LinuxResources) string {
	t.Helper()
	data, err := EncodeSpec(&specs.Spec{Linux: &specs.Linux{Resources: r}})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// blockNode is the node of some block device of this machine.
func blockNode(t *testing.T) string {
	t.Helper()
	for _, pattern := range []string{"/dev/vd?", "/dev/sd?", "/dev/nvme?n?", "/dev/loop?", "/dev/ram?", "/dev/*"} {
		names, _ := filepath.Glob(pattern)
		for _, name := range names {
			if info, err := os.Stat(name); err == nil && info.Mode().Type() == os.ModeDevice {
				return name
			}
		}
	}
	t.Skip("needs a block device")
	return ""
}
