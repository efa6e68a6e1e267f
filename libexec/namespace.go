// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"os"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// namespaces sets the namespaces, the hostname and the sysctls.
func (b *builder) namespaces() error {
	linux := b.g.Config.Linux
	linux.Namespaces = []specs.LinuxNamespace{{Type: specs.MountNamespace}}
	for _, n := range []struct {
		kind specs.LinuxNamespaceType
		flag string
		want Namespace
	}{
		{specs.NetworkNamespace, "--network", b.opts.Network},
		{specs.IPCNamespace, "--ipc", b.opts.IPC},
		{specs.PIDNamespace, "--pid", b.opts.PID},
		{specs.UTSNamespace, "--uts", b.opts.UTS},
		{specs.CgroupNamespace, "--cgroupns", b.cgroupNamespace()},
	} {
		switch n.want.Mode {
		case HostMode, ContainerMode:
		case Private, ShareableMode:
			linux.Namespaces = append(linux.Namespaces, specs.LinuxNamespace{Type: n.kind})
		case NoneMode:
			if n.kind != specs.NetworkNamespace && n.kind != specs.IPCNamespace {
				return optionError(n.flag, "%s none: not a mode of this namespace", n.flag)
			}
			linux.Namespaces = append(linux.Namespaces, specs.LinuxNamespace{Type: n.kind})
		case PathMode:
			if err := checkNamespacePath(n.flag, n.want.Path, n.kind); err != nil {
				return err
			}
			linux.Namespaces = append(linux.Namespaces, specs.LinuxNamespace{Type: n.kind, Path: n.want.Path})
		default:
			return optionError(n.flag, "%s %s: not a mode of this namespace", n.flag, n.want.Mode)
		}
	}
	if b.opts.UTS.Mode == Private {
		b.g.SetHostname(b.hostname)
	}
	if err := b.userNamespace(); err != nil {
		return err
	}
	return b.sysctls()
}

// cgroupNamespace is private on a pure cgroup v2 host, where it hides the
// host's tree, and the host's on v1, as podman has it.
func (b *builder) cgroupNamespace() Namespace {
	if b.opts.Cgroup.Mode == Private && !b.opts.CgroupPrivate && !cgroup2() {
		return Namespace{Mode: HostMode}
	}
	return b.opts.Cgroup
}

func cgroup2() bool {
	var st unix.Statfs_t
	return unix.Statfs("/sys/fs/cgroup", &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC
}

// checkNamespacePath refuses what is not a namespace of the kind: joining it
// would fail in the runtime, without a name.
func checkNamespacePath(flag, path string, kind specs.LinuxNamespaceType) error {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return optionError(path, "%s ns:%s: %w", flag, shorten(path), err)
	}
	if st.Type != unix.NSFS_MAGIC {
		return optionError(path, "%s ns:%s: not a namespace", flag, shorten(path))
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return optionError(path, "%s ns:%s: %w", flag, shorten(path), err)
	}
	defer unix.Close(fd)
	if got, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE); err == nil && got != cloneFlag(kind) {
		return optionError(path, "%s ns:%s: a namespace of another kind", flag, shorten(path))
	}
	return nil
}

func cloneFlag(kind specs.LinuxNamespaceType) int {
	switch kind {
	case specs.NetworkNamespace:
		return unix.CLONE_NEWNET
	case specs.IPCNamespace:
		return unix.CLONE_NEWIPC
	case specs.PIDNamespace:
		return unix.CLONE_NEWPID
	case specs.UTSNamespace:
		return unix.CLONE_NEWUTS
	case specs.UserNamespace:
		return unix.CLONE_NEWUSER
	default:
		return unix.CLONE_NEWCGROUP
	}
}

const maxHostname = 64

// hostnameOf gives the hostname that the container will see.
func hostnameOf(opts *Options) (string, error) {
	if opts.Hostname != "" {
		if opts.UTS.Mode != Private {
			return "", optionError("--hostname", "hostname %q: the container has no UTS namespace of its own", shorten(opts.Hostname))
		}
		if !validHostname(opts.Hostname) {
			return "", optionError("--hostname", "hostname %q: not a host name", shorten(opts.Hostname))
		}
		return opts.Hostname, nil
	}
	if opts.SharedHostname != "" {
		return opts.SharedHostname, nil
	}
	// On the host's network a container goes by the name that the network knows.
	if opts.UTS.Mode != Private || opts.Network.Mode == HostMode {
		return os.Hostname()
	}
	return opts.ID[:min(12, len(opts.ID))], nil
}

// validHostname accepts labels of letters, digits, hyphens and underscores,
// joined by dots, at most what the kernel takes.
func validHostname(name string) bool {
	if len(name) > maxHostname {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; !isLetter(c) && !isDigit(c) && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// PingGroups is the kernel parameter that says which groups may send echo requests
// without a capability; icmp(7).
const PingGroups = "net.ipv4.ping_group_range"

// sysctls sets those that belong to a namespace of the container's own.
func (b *builder) sysctls() error {
	for name, value := range b.opts.Sysctls {
		if err := checkSysctl(b.opts, name, value); err != nil {
			return err
		}
		b.g.AddLinuxSysctl(name, value)
	}
	// A namespace made for it: ping(8) needs no capability, as in other tools.
	if _, set := b.opts.Sysctls[PingGroups]; !set && b.opts.OwnNetwork {
		b.g.AddLinuxSysctl(PingGroups, "0 0")
	}
	const ports = "net.ipv4.ip_unprivileged_port_start"
	if _, set := b.opts.Sysctls[ports]; b.opts.Security.Strict && !set && b.opts.ownNetwork() {
		b.g.AddLinuxSysctl(ports, "0")
	}
	return nil
}

func (o *Options) ownNetwork() bool {
	return o.Network.Mode == Private || o.Network.Mode == NoneMode || o.OwnNetwork
}

// checkSysctl accepts names of a namespace that the container has for itself,
// and values of a small alphabet: a "+" or a line break has carried a second
// setting through a runtime (CVE-2022-0811).
func checkSysctl(opts *Options, name, value string) error {
	plain := strings.ReplaceAll(name, "/", ".")
	own := false
	switch {
	case name == "" || strings.Contains(plain, "..") || !onlyBytes(name, "._-/"):
		return optionError("--sysctl", "sysctl %q: not a name", shorten(name))
	case strings.HasPrefix(plain, "net."):
		own = opts.ownNetwork()
	case plain == "kernel.sem", strings.HasPrefix(plain, "kernel.shm"), strings.HasPrefix(plain, "kernel.msg"),
		strings.HasPrefix(plain, "fs.mqueue."):
		own = opts.IPC.Mode == Private || opts.IPC.Mode == NoneMode || opts.IPC.Mode == ShareableMode
	case plain == "kernel.domainname":
		own = opts.UTS.Mode == Private
	default:
		return optionError("--sysctl", "sysctl %s: not one of a namespace", shorten(name))
	}
	if !own {
		return optionError("--sysctl", "sysctl %s: the container has no such namespace of its own", shorten(name))
	}
	if len(value) > 4096 || !onlyBytes(value, "._-/,: \t") {
		return optionError("--sysctl", "sysctl %s: %q is not a value", shorten(name), shorten(value))
	}
	return nil
}

// onlyBytes reports whether s is made of letters, digits and the bytes of extra.
func onlyBytes(s, extra string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && strings.IndexByte(extra, c) < 0 {
			return false
		}
	}
	return true
}
