// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"os"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/idmap"
)

// userNamespace sets the namespace of the container's ids.
func (b *builder) userNamespace() error {
	ids := b.opts.IDs
	if ids.IsZero() {
		return nil
	}
	if err := ids.Check(); err != nil {
		return optionError("--userns", "user namespace: %w", err)
	}
	linux := b.g.Config.Linux
	if path := b.opts.UserPath; path != "" {
		if err := checkNamespacePath("--userns", path, specs.UserNamespace); err != nil {
			return err
		}
	}
	linux.Namespaces = append(linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace, Path: b.opts.UserPath})
	linux.UIDMappings, linux.GIDMappings = specMap(ids.UIDs), specMap(ids.GIDs)
	return nil
}

func specMap(ranges []idmap.Range) []specs.LinuxIDMapping {
	list := make([]specs.LinuxIDMapping, len(ranges))
	for i, r := range ranges {
		list[i] = specs.LinuxIDMapping{ContainerID: r.Container, HostID: r.Host, Size: r.Size}
	}
	return list
}

// HostUser is the user of a spec's process as the host sees it.
func HostUser(spec *specs.Spec) *specs.User {
	return hostUser(spec.Process.User, spec.Linux)
}

func hostUser(user specs.User, linux *specs.Linux) *specs.User {
	if linux == nil {
		return &user
	}
	for _, id := range []struct {
		ranges []specs.LinuxIDMapping
		of     *uint32
	}{{linux.UIDMappings, &user.UID}, {linux.GIDMappings, &user.GID}} {
		for _, m := range id.ranges {
			if *id.of >= m.ContainerID && *id.of-m.ContainerID < m.Size {
				*id.of = m.HostID + (*id.of - m.ContainerID)
				break
			}
		}
	}
	return &user
}

// NamespaceIDs are the ids of the user namespace at a path.
func NamespaceIDs(path string) (*idmap.Mapping, error) {
	if err := checkNamespacePath("--userns", path, specs.UserNamespace); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, optionError(path, "--userns ns:%s: %w", shorten(path), err)
	}
	defer f.Close()
	ids, err := idmap.Of(f)
	if err != nil {
		return nil, optionError(path, "--userns ns:%s: %w", shorten(path), err)
	}
	return ids, nil
}

// foreign tells whether a namespace of the container belongs to another user
// namespace than the container's: then its root may not mount what shows it, and
// what the host has mounted must do.
func (b *builder) foreign(n Namespace) bool {
	if b.opts.IDs.IsZero() {
		return false
	}
	switch n.Mode {
	case HostMode:
		return true
	case PathMode:
		return !sameOwner(n.Path, b.opts.UserPath)
	}
	return false
}

// nsGetUserns is NS_GET_USERNS of ioctl_ns(2).
const nsGetUserns = 0xb701

// sameOwner reports whether the namespace at a path belongs to a user namespace.
func sameOwner(path, user string) bool {
	if user == "" {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	owner, err := unix.IoctlRetInt(int(f.Fd()), nsGetUserns)
	if err != nil {
		return false
	}
	defer unix.Close(owner)
	var is, want unix.Stat_t
	return unix.Fstat(owner, &is) == nil && unix.Stat(user, &want) == nil && is.Ino == want.Ino && is.Dev == want.Dev
}

// kernelMounts changes those mounts of the kernel's file systems that the container's
// root may not make: it has not the group tty, or what they show belongs to another
// user namespace than the container's. What the host has mounted must do then.
func (b *builder) kernelMounts(mounts []specs.Mount) []specs.Mount {
	ids := b.opts.IDs
	if ids.IsZero() {
		ids = b.ids
	}
	user := !b.ids.IsZero()
	list := mounts[:0]
	for _, m := range mounts {
		switch {
		case m.Type == "devpts" && !ids.HasGID(5):
			m.Options = slices.DeleteFunc(m.Options, func(o string) bool { return o == "gid=5" })
		case m.Type == "sysfs" && (b.foreign(b.opts.Network) || user && !b.opts.ownNetwork()),
			m.Type == "proc" && (b.foreign(b.opts.PID) || user && b.opts.PID.Mode == HostMode):
			m.Type, m.Source, m.Options = "bind", m.Destination, append([]string{"rbind", "rprivate"}, m.Options...)
		case m.Type == "mqueue" && b.foreign(b.opts.IPC):
			continue
		}
		list = append(list, m)
	}
	return list
}
