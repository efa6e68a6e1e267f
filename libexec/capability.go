// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// capabilityNames are the kernel's, by number.
func capabilityNames() []string {
	return []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
		"CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
		"CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
		"CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
		"CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
		"CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
		"CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
	}
}

// DefaultCapabilities are those that podman gives.
func DefaultCapabilities() []string {
	return []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE",
		"CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
	}
}

// strictCapabilities are those of --security-opt profile=strict.
func strictCapabilities() []string {
	return []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
	}
}

// boundingSet are the capabilities that this process can give: those of its
// own bounding set.
func boundingSet() []string {
	var set []string
	for number, name := range capabilityNames() {
		if has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(number), 0, 0, 0); err == nil && has == 1 {
			set = append(set, name)
		}
	}
	return set
}

// capabilityName normalizes the spelling: chown, CHOWN and cap_chown are
// CAP_CHOWN, and ALL is itself.
func capabilityName(s string) (string, error) {
	name := strings.ToUpper(s)
	if name == "ALL" {
		return name, nil
	}
	if !strings.HasPrefix(name, "CAP_") {
		name = "CAP_" + name
	}
	if !slices.Contains(capabilityNames(), name) {
		return "", optionError(s, "capability %q: no such capability", shorten(s))
	}
	return name, nil
}

func capabilityList(list []string) ([]string, error) {
	var names []string
	for _, s := range list {
		name, err := capabilityName(s)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// capabilitySets decides the capabilities of the first process. Inheritable
// and ambient ones are empty, so that an unprivileged user has none in effect:
// except those that were added by name for such a user, which have no other
// way through execve.
func capabilitySets(opts *Options, uid uint32) (*specs.LinuxCapabilities, error) {
	add, err := capabilityList(opts.CapAdd)
	if err != nil {
		return nil, err
	}
	drop, err := capabilityList(opts.CapDrop)
	if err != nil {
		return nil, err
	}
	ours := boundingSet()
	for _, name := range add {
		if name != "ALL" && slices.Contains(drop, name) {
			return nil, optionError(name, "capability %s: both added and dropped", name)
		}
		if name != "ALL" && !slices.Contains(ours, name) {
			return nil, unsupportedError(name, "capability %s: this process may not give it", name)
		}
	}
	bounding := chooseCapabilities(opts, add, drop, ours)
	sets := &specs.LinuxCapabilities{Bounding: bounding}
	switch {
	case uid == 0:
		sets.Effective, sets.Permitted = bounding, bounding
	case opts.Privileged || len(add) == 0:
	default:
		added := intersect(bounding, add)
		if slices.Contains(add, "ALL") {
			added = bounding
		}
		sets.Effective, sets.Permitted, sets.Inheritable, sets.Ambient = added, added, added, added
	}
	return sets, nil
}

func chooseCapabilities(opts *Options, add, drop, ours []string) []string {
	base := DefaultCapabilities()
	switch {
	case opts.Privileged:
		base = ours
	case opts.Security.Strict:
		base = strictCapabilities()
	}
	if slices.Contains(drop, "ALL") {
		base, drop = nil, nil
	}
	if slices.Contains(add, "ALL") {
		base = ours
	} else {
		base = append(base, add...)
	}
	chosen := intersect(ours, base)
	return slices.DeleteFunc(chosen, func(name string) bool { return slices.Contains(drop, name) })
}

// intersect gives the elements of a that are in b, in a's order.
func intersect(a, b []string) []string {
	both := make([]string, 0, len(b))
	for _, s := range a {
		if slices.Contains(b, s) {
			both = append(both, s)
		}
	}
	return both
}
