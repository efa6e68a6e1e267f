// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Security is what --security-opt says. The zero value is the default.
type Security struct {
	// Seccomp is "" for the default profile, "unconfined", or the path of a
	// profile in JSON.
	Seccomp         string
	NoNewPrivileges bool
	// AppArmor is "", "unconfined" or the name of a loaded profile.
	AppArmor string
	// Mask are paths to hide, Unmask default ones to show; UnmaskAll shows all.
	Mask      []string
	Unmask    []string
	UnmaskAll bool
	// Strict is profile=strict: seven capabilities, no_new_privs, a read-only
	// root with a tmpfs on /run and /tmp, no socketcall(2).
	Strict bool
}

// ParseSecurity parses the values of --security-opt. One that it does not know
// or that has no effect here is an error: a protection that was asked for is
// never silently left out.
func ParseSecurity(values []string) (Security, error) {
	var s Security
	for _, value := range values {
		if err := s.parse(value); err != nil {
			return Security{}, err
		}
	}
	return s, nil
}

func (s *Security) parse(value string) error {
	name, arg, hasArg := strings.Cut(value, "=")
	if !hasArg { // the old spelling, label:disable
		name, arg, hasArg = strings.Cut(value, ":")
	}
	if name == "no-new-privileges" {
		on, err := strconv.ParseBool(arg)
		if hasArg && err != nil {
			return optionError("--security-opt", "--security-opt %q: not true or false", shorten(value))
		}
		s.NoNewPrivileges = !hasArg || on
		return nil
	}
	if !hasArg || arg == "" {
		return optionError("--security-opt", "--security-opt %q: not NAME=VALUE", shorten(value))
	}
	switch name {
	case "seccomp":
		s.Seccomp = arg
	case "apparmor":
		s.AppArmor = arg
	case "label":
		if arg != "disable" && arg != "nested" {
			return unsupportedError("--security-opt", "--security-opt %q: SELinux labels are not supported", shorten(value))
		}
	case "mask":
		return addPaths(&s.Mask, value, arg)
	case "unmask", "systempaths":
		if strings.EqualFold(arg, "all") || name == "systempaths" && arg == "unconfined" {
			s.UnmaskAll = true
			return nil
		}
		return addPaths(&s.Unmask, value, arg)
	case "profile":
		if arg != "strict" {
			return optionError("--security-opt", "--security-opt %q: the only profile is strict", shorten(value))
		}
		s.Strict = true
	default:
		return optionError("--security-opt", "--security-opt %q: not known", shorten(value))
	}
	return nil
}

func addPaths(to *[]string, value, list string) error {
	for p := range strings.SplitSeq(list, ":") {
		if !path.IsAbs(p) || strings.IndexByte(p, 0) >= 0 {
			return optionError("--security-opt", "--security-opt %q: %q is not an absolute path", shorten(value), shorten(p))
		}
		*to = append(*to, path.Clean(p))
	}
	return nil
}

// privileges sets capabilities, seccomp, no_new_privs, LSM and hidden paths.
func (b *builder) privileges() error {
	sets, err := capabilitySets(b.opts, b.user.UID)
	if err != nil {
		return err
	}
	spec, sec := b.g.Config, &b.opts.Security
	spec.Process.Capabilities = sets
	spec.Process.NoNewPrivileges = sec.NoNewPrivileges || sec.Strict
	if spec.Linux.Seccomp, err = seccompProfile(b.opts, spec); err != nil {
		return err
	}
	if err := b.appArmor(); err != nil {
		return err
	}
	if b.opts.Privileged || sec.UnmaskAll {
		spec.Linux.MaskedPaths = sec.Mask
		return nil
	}
	shown := func(p string) bool {
		return slices.ContainsFunc(sec.Unmask, func(pattern string) bool {
			matched, err := path.Match(pattern, p)
			return matched && err == nil
		})
	}
	spec.Linux.MaskedPaths = append(slices.DeleteFunc(maskedPaths(), shown), sec.Mask...)
	spec.Linux.ReadonlyPaths = slices.DeleteFunc(readonlyPaths(), shown)
	return nil
}

// appArmor applies a profile that was asked for, or fails where there is none.
func (b *builder) appArmor() error {
	profile := b.opts.Security.AppArmor
	if profile == "" || profile == "unconfined" {
		return nil
	}
	enabled, err := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	if err != nil || !strings.HasPrefix(string(enabled), "Y") {
		return unsupportedError("--security-opt", "--security-opt apparmor=%s: AppArmor is not enabled on this host", shorten(profile))
	}
	b.g.SetProcessApparmorProfile(profile)
	return nil
}

// maskedPaths are hidden from a container: the union of what podman, Docker and
// containerd hide.
func maskedPaths() []string {
	paths := []string{
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
		"/sys/dev/block", "/sys/devices/virtual/powercap", "/sys/firmware", "/sys/fs/selinux",
	}
	// The processors' throttle counters tell about the neighbours' load.
	for cpu := 0; ; cpu++ {
		dir := "/sys/devices/system/cpu/cpu" + strconv.Itoa(cpu)
		if _, err := os.Lstat(dir); err != nil {
			return paths
		}
		if _, err := os.Lstat(dir + "/thermal_throttle"); err == nil {
			paths = append(paths, dir+"/thermal_throttle")
		}
	}
}

// readonlyPaths can be read, not written.
func readonlyPaths() []string {
	return []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
}
