// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const defaultShmSize = 64 << 20

// mounts joins what every container has, what was asked for and the generated
// files, in the order in which a runtime must mount them.
func (b *builder) mounts() error {
	for _, m := range b.opts.Mounts {
		mount, err := specMount(m)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(b.binds, func(o specs.Mount) bool { return o.Destination == mount.Destination }) {
			return mountError(mount.Destination, "%s: duplicate mount destination", mount.Destination)
		}
		b.binds = append(b.binds, mount)
	}
	if err := b.readOnlyTmpfs(); err != nil {
		return err
	}
	slices.SortStableFunc(b.binds, func(x, y specs.Mount) int { return depth(x.Destination) - depth(y.Destination) })
	if err := b.checkPlaces(); err != nil {
		return err
	}
	taken := func(m specs.Mount) bool {
		return slices.ContainsFunc(b.binds, func(o specs.Mount) bool { return o.Destination == m.Destination })
	}
	for _, m := range slices.DeleteFunc(b.kernelMounts(b.baseMounts()), taken) {
		b.g.AddMount(m)
	}
	for _, m := range b.binds {
		b.g.AddMount(m)
	}
	if b.opts.Init {
		if b.opts.InitPath == "" {
			return optionError("--init", "init: no program for it was found")
		}
		if err := b.checkFilePlace(initPlace); err != nil {
			return err
		}
		b.g.AddMount(specs.Mount{Destination: initPlace, Type: "bind", Source: b.opts.InitPath, Options: []string{"bind", "ro", "rprivate"}})
	}
	b.g.Config.Linux.RootfsPropagation = rootPropagation(b.binds)
	return b.hostFiles(taken)
}

const initPlace = "/run/podman-init"

func depth(p string) int { return strings.Count(strings.TrimSuffix(p, "/"), "/") }

// baseMounts are in every container.
func (b *builder) baseMounts() []specs.Mount {
	access := "ro"
	if b.opts.Privileged {
		access = "rw"
	}
	shm := b.opts.ShmSize
	if shm == 0 {
		shm = defaultShmSize
	}
	mounts := []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "noexec", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", access}},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"rprivate", "nosuid", "noexec", "nodev", "relatime", access}},
	}
	switch b.opts.IPC.Mode {
	case HostMode:
		for _, dir := range []string{"/dev/shm", "/dev/mqueue"} {
			if _, err := os.Stat(dir); err == nil {
				mounts = append(mounts, specs.Mount{Destination: dir, Type: "bind", Source: dir, Options: []string{"rbind", "nosuid", "noexec", "nodev"}})
			}
		}
		return mounts
	case NoneMode:
	default:
		if b.opts.ShmPath != "" {
			mounts = append(mounts, specs.Mount{Destination: "/dev/shm", Type: "bind", Source: b.opts.ShmPath, Options: []string{"bind", "rprivate", "nosuid", "noexec", "nodev"}})
			break
		}
		mounts = append(mounts, specs.Mount{Destination: "/dev/shm", Type: "tmpfs", Source: "shm",
			Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=" + strconv.FormatInt(shm, 10)}})
	}
	return append(mounts, specs.Mount{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}})
}

// readOnlyTmpfs adds what stays writable when the root file system is not: the
// usual places of scratch data, and the volumes that the image declares.
func (b *builder) readOnlyTmpfs() error {
	if !b.opts.readOnly() {
		return nil
	}
	var places []string
	if !b.opts.NoReadOnlyTmpfs {
		places = []string{"/run", "/tmp", "/var/tmp"}
	}
	for _, volume := range slices.Sorted(maps.Keys(b.image.Volumes)) {
		if !path.IsAbs(volume) || path.Clean(volume) == "/" || underKernelMount(path.Clean(volume)) {
			return imageError("Volumes", "image: volume %q cannot be mounted", shorten(volume))
		}
		places = append(places, path.Clean(volume))
	}
	for _, place := range places {
		if !slices.ContainsFunc(b.binds, func(m specs.Mount) bool { return m.Destination == place }) {
			b.binds = append(b.binds, specs.Mount{Destination: place, Type: "tmpfs", Source: "tmpfs",
				Options: []string{"rw", "rprivate", "nosuid", "nodev", "tmpcopyup"}})
		}
	}
	return nil
}

// underKernelMount reports a path in one of the file systems of the kernel.
func underKernelMount(p string) bool {
	return within(p, "/proc") || within(p, "/sys") || within(p, "/dev")
}

func within(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, dir+"/") || dir == "/"
}

// covered reports whether a path of the container is in a mount of the user's.
func (b *builder) covered(p string) bool {
	return slices.ContainsFunc(b.binds, func(m specs.Mount) bool { return within(p, m.Destination) })
}

// hides reports whether a mount hides what the image has at a path; a tmpfs
// that begins with a copy of it does not.
func hides(m specs.Mount, p string) bool {
	return within(p, m.Destination) && !slices.Contains(m.Options, "tmpcopyup")
}

// checkPlaces refuses a mount whose place in the root file system is of the
// wrong kind: the runtimes' own messages name the host's path.
func (b *builder) checkPlaces() error {
	for i, m := range b.binds {
		if err := b.checkPlace(m, b.binds[:i]); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) checkPlace(m specs.Mount, before []specs.Mount) error {
	resolved, found, hidden, err := b.root.Resolve(m.Destination, func(p string) bool {
		return slices.ContainsFunc(before, func(o specs.Mount) bool { return hides(o, p) })
	})
	if err != nil {
		return mountError(m.Destination, "mount %s: %w", m.Destination, reason(err))
	}
	directory := m.Type != "bind"
	if m.Type == "bind" {
		source, err := os.Stat(m.Source)
		if err != nil {
			return mountError(m.Source, "mount %s: %w", m.Source, reason(err))
		}
		directory = source.IsDir()
	}
	switch linked := resolved != m.Destination; {
	case linked && resolved == "/":
		return mountError(m.Destination, "mount %s: in the container it leads to /", m.Destination)
	case linked && underKernelMount(resolved) && !underKernelMount(m.Destination):
		return mountError(m.Destination, "mount %s: in the container it leads to %s", m.Destination, shorten(resolved))
	case hidden:
		return nil
	case !found && linked && directory: // see checkFilePlace
		b.makeDirs = append(b.makeDirs, resolved)
		return nil
	case !found:
		if linked {
			b.makeDirs = append(b.makeDirs, path.Dir(resolved))
		}
		return nil
	}
	place, err := b.root.Stat(resolved)
	if err != nil {
		return mountError(m.Destination, "mount %s: %w", m.Destination, reason(err))
	}
	if directory && !place.IsDir() {
		return mountError(m.Destination, "mount %s: the container has %s there, not a directory", m.Destination, kindOf(place.Mode))
	}
	if !directory && place.IsDir() {
		return mountError(m.Destination, "mount %s: the container has a directory there, and %s is none", m.Destination, m.Source)
	}
	return nil
}
