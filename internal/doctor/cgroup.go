// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const cgroupMount = "/sys/fs/cgroup"

// limits are the controllers that options of run need.
func limits() []string { return []string{"cpu", "cpuset", "memory", "pids"} }

func lacking(have []string) []string {
	return slices.DeleteFunc(limits(), func(c string) bool { return slices.Contains(have, c) })
}

// cgroups looks at the version, and at which limits can be set.
func cgroups(_ context.Context, v *View) Finding {
	var fs unix.Statfs_t
	if err := unix.Statfs(cgroupMount, &fs); err != nil {
		return limited("", "no %s: no limits can be set", cgroupMount)
	}
	if fs.Type == unix.CGROUP2_SUPER_MAGIC {
		return v.cgroup2()
	}
	return v.cgroup1()
}

func (v *View) cgroup2() Finding {
	dir := cgroupMount
	if !v.root() {
		dir = ownCgroup()
		if unix.Access(filepath.Join(dir, "cgroup.procs"), unix.W_OK) != nil || unix.Access(dir, unix.W_OK) != nil {
			return limited("systemd-run --user --scope -p Delegate=yes -- $SHELL",
				"v2, and %s is not delegated to %s: no limits can be set", dir, v.name)
		}
	}
	have := controllers2(dir)
	missing := lacking(have)
	switch {
	case len(missing) == 0:
		return ok("v2: %s", strings.Join(have, " "))
	case v.root():
		return limited("", "v2, without %s: those limits cannot be set; the kernel's command line (cgroup_disable) or version 1 has them", strings.Join(missing, ", "))
	default:
		const file = "/etc/systemd/system/user@.service.d/delegate.conf"
		return limited(v.sudo("mkdir -p %s", filepath.Dir(file))+` && printf '[Service]\nDelegate=cpu cpuset io memory pids\n' | `+
			v.sudo("tee %s", file)+" && "+v.sudo("systemctl daemon-reload"),
			"v2, and %s are not delegated to %s: those limits cannot be set", strings.Join(missing, ", "), v.name)
	}
}

// ownCgroup is our cgroup of version 2.
func ownCgroup() string {
	data, _ := os.ReadFile("/proc/self/cgroup") // without it, the root
	for line := range strings.Lines(string(data)) {
		if path, found := strings.CutPrefix(strings.TrimSpace(line), "0::"); found {
			return filepath.Join(cgroupMount, path)
		}
	}
	return cgroupMount
}

// cgroup1 is version 1, alone or beside version 2.
func (v *View) cgroup1() Finding {
	have := controllers1()
	left, _ := readSetting(filepath.Join(cgroupMount, "unified/cgroup.controllers"))
	missing := lacking(have)
	switch {
	case len(have) == 0:
		return limited(v.sudo("mount -t cgroup2 cgroup2 %s", cgroupMount), "nothing is mounted at %s: no limits can be set", cgroupMount)
	case !v.root():
		return limited("", "v1: it is not delegated to users, and no limits can be set; boot with systemd.unified_cgroup_hierarchy=1")
	case len(missing) > 0:
		dir := filepath.Join(cgroupMount, missing[0])
		return limited(v.sudo("mkdir -p %s", dir)+" && "+v.sudo("mount -t cgroup -o %s cgroup %s", missing[0], dir),
			"v1, without %s: those limits cannot be set", strings.Join(missing, ", "))
	case left != "":
		first := strings.Fields(left)[0]
		dir := filepath.Join(cgroupMount, first)
		return limited(v.sudo("mkdir -p %s", dir)+" && "+v.sudo("mount -t cgroup -o %s cgroup %s", first, dir),
			"v1 and v2: crun before 1.9 starts nothing while %s is left on v2", left)
	}
	return ok("v1: %s", strings.Join(limits(), " "))
}

// controllers1 are those with a hierarchy of their own; some have a name alone.
func controllers1() []string {
	entries, _ := os.ReadDir(cgroupMount) // without it, none
	var have []string
	for _, e := range entries {
		name := e.Name()
		if _, err := os.Stat(filepath.Join(cgroupMount, name, "cgroup.procs")); err == nil && name != "unified" && name != "systemd" {
			have = append(have, strings.Split(name, ",")...)
		}
	}
	return have
}

func controllers2(dir string) []string {
	data, _ := os.ReadFile(filepath.Join(dir, "cgroup.controllers")) // without it, none
	return strings.Fields(string(data))
}

// Cgroups are the version and the controllers that this process can use.
func Cgroups(root bool) (version string, controllers []string) {
	var fs unix.Statfs_t
	switch err := unix.Statfs(cgroupMount, &fs); {
	case err != nil || fs.Type != unix.CGROUP2_SUPER_MAGIC:
		return "v1", controllers1()
	case root:
		return "v2", controllers2(cgroupMount)
	}
	return "v2", controllers2(ownCgroup())
}
