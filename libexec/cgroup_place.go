// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// defaultSlice is where systemd keeps what runs for itself.
const defaultSlice = "machine.slice"

// cgroup says where the container's cgroup is to be.
func (b *builder) cgroup(host cgroupHost, base string) error {
	o := b.opts
	if o.CgroupManager != "" && o.CgroupManager != ManagerCgroupfs && o.CgroupManager != ManagerSystemd {
		return optionError("--cgroup-manager", "cgroup manager %q: must be cgroupfs or systemd", shorten(o.CgroupManager))
	}
	parent := o.CgroupParent
	if strings.ContainsAny(parent, ":\x00\n") || slices.Contains(strings.Split(parent, "/"), "..") {
		return optionError("--cgroup-parent", "cgroup parent %q: not a path below the cgroup root", shorten(parent))
	}
	switch o.Cgroups {
	case "", CgroupsEnabled:
	case CgroupsDisabled:
		if parent != "" {
			return optionError("--cgroup-parent", "cgroup parent %s: not for a container without a cgroup", shorten(parent))
		}
		return nil
	case CgroupsSplit:
		return b.splitCgroup(host, base)
	default:
		return optionError("--cgroups", "cgroups %q: must be enabled, disabled or split", shorten(o.Cgroups))
	}
	if o.CgroupManager == ManagerSystemd {
		if parent == "" {
			parent = defaultSlice
		}
		if strings.Contains(parent, "/") || !strings.HasSuffix(parent, ".slice") || len(parent) <= len(".slice") {
			return optionError("--cgroup-parent", "cgroup parent %q: with systemd it is a slice, NAME.slice", shorten(parent))
		}
		b.g.SetLinuxCgroupsPath(parent + ":tug:" + o.ID)
		return nil
	}
	if strings.HasSuffix(parent, ".slice") && !strings.Contains(parent, "/") && host.exists("systemd", "cgroup.procs") {
		b.note("cgroup parent " + parent + ": taken for a path; slices are the cgroup manager systemd's")
	}
	switch {
	case base == "" && parent != "":
		return unsupportedError("--cgroup-parent", "cgroup parent %s: no cgroup may be made here", shorten(parent))
	case base == "":
		return nil // the runtime leaves the container where it is
	}
	b.g.SetLinuxCgroupsPath(cgroupsPath(path.Join(base, parent), o.ID))
	return nil
}

// splitCgroup puts the container below the cgroup that we are in.
func (b *builder) splitCgroup(host cgroupHost, own string) error {
	if b.opts.CgroupParent != "" {
		return optionError("--cgroup-parent", "cgroup parent %s: not together with --cgroups split", shorten(b.opts.CgroupParent))
	}
	if !host.unified() {
		return unsupportedError("--cgroups", "--cgroups split: this host has cgroups of version 1, with a tree for each controller; it needs version 2")
	}
	if own == "" {
		return unsupportedError("--cgroups", "--cgroups split: this process is in no cgroup that can be seen here")
	}
	b.g.SetLinuxCgroupsPath(cgroupsPath(own, b.opts.ID))
	return nil
}

// cgroupsPath is the cgroup of container id.
func cgroupsPath(parent, id string) string { return path.Join("/", parent, "tug-"+id) }

// cgroupDir is the cgroup that a spec's cgroupsPath means: SLICE:PREFIX:NAME is a
// scope of systemd's, in slices whose names say what they are in.
func cgroupDir(specPath string) string {
	parts := strings.Split(specPath, ":")
	if len(parts) != 3 {
		return specPath
	}
	dir, name := "/", ""
	for element := range strings.SplitSeq(strings.TrimSuffix(parts[0], ".slice"), "-") {
		if name += element; name != "" {
			dir = path.Join(dir, name+".slice")
		}
		name += "-"
	}
	return path.Join(dir, parts[1]+"-"+parts[2]+".scope")
}

// checkSystemd refuses what would wait for a bus that nobody serves.
func checkSystemd() error {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return unsupportedError("--cgroup-manager", "cgroup manager systemd: systemd does not run here (cgroupfs needs none)")
	}
	return nil
}

// ForCgroups gives the runtime that makes containers with these options: it has to
// be told of systemd, and that there is to be no cgroup.
func (r *Runtime) ForCgroups(o *Options) (*Runtime, error) {
	args := r.args[:len(r.args):len(r.args)]
	host := thisHost()
	_, usable := host.base()
	none := !usable && !host.unified() && !host.exists("pids") && !host.exists("memory")
	switch {
	case o.Cgroups == CgroupsDisabled, none && o.CgroupParent == "" && o.CgroupManager != ManagerSystemd:
		if r.Name != "crun" {
			if o.Cgroups != CgroupsDisabled {
				return r, nil // it may know what to do
			}
			return nil, unsupportedError("--cgroups", "--cgroups disabled: %s cannot do that, crun can", r.Name)
		}
		args = append(args, "--cgroup-manager=disabled")
	case o.CgroupManager == ManagerSystemd:
		if err := checkSystemd(); err != nil {
			return nil, err
		}
		args = append(args, "--systemd-cgroup")
	default:
		return r, nil
	}
	with := *r
	with.args = args
	return &with, nil
}

// supervisor is the cgroup that we go to when the container's is made beside.
const supervisor = "supervisor"

// Supervise moves this process out of the cgroup that is split for a container:
// the kernel gives controllers only to cgroups of one in which no process is. It is
// for after NewSpec, and does nothing without CgroupsSplit.
func Supervise(o *Options) error {
	if o.Cgroups != CgroupsSplit {
		return nil
	}
	host := thisHost()
	dir := path.Join(host.root, host.current(""), supervisor)
	err := os.Mkdir(dir, 0o755)
	if err == nil || errors.Is(err, fs.ErrExist) {
		err = os.WriteFile(path.Join(dir, "cgroup.procs"), []byte("0"), 0)
	}
	if err != nil {
		return unsupportedError("--cgroups", "--cgroups split: %w", err)
	}
	return nil
}
