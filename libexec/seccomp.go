// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"io"
	"os"
	"slices"

	"github.com/moby/profiles/seccomp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

const maxSeccompProfile = 1 << 20

// seccompProfile gives the filter of a container. The default one is an allow
// list; what it leaves out on purpose, above what peers do, is in denied.
func seccompProfile(opts *Options, spec *specs.Spec) (*specs.LinuxSeccomp, error) {
	switch opts.Security.Seccomp {
	case "":
		if opts.Privileged {
			return nil, nil
		}
	case "unconfined":
		return nil, nil
	default:
		return readSeccompProfile(opts.Security.Seccomp, spec)
	}
	profile, err := seccomp.GetDefaultProfile(spec)
	if err != nil {
		return nil, unsupportedError("seccomp", "seccomp profile: %w", err)
	}
	removed := denied()
	if opts.Security.Strict {
		removed = append(removed, "socketcall")
	}
	caps := spec.Process.Capabilities.Bounding
	if slices.Contains(caps, "CAP_SYS_ADMIN") || slices.Contains(caps, "CAP_BPF") {
		removed = slices.DeleteFunc(removed, func(name string) bool { return name == "bpf" })
	}
	for i := range profile.Syscalls {
		call := &profile.Syscalls[i]
		if call.Action == specs.ActAllow {
			call.Names = slices.DeleteFunc(call.Names, func(name string) bool { return slices.Contains(removed, name) })
		}
	}
	// The runtime compiles the filter for each architecture at each start, which
	// takes it 10 ms. The kernels of the distributions run no x32 programs unless
	// they are booted to; without its part of the filter such a program is killed.
	profile.Architectures = slices.DeleteFunc(profile.Architectures, func(arch specs.Arch) bool { return arch == specs.ArchX32 })
	profile.Syscalls = slices.DeleteFunc(profile.Syscalls, func(call specs.LinuxSyscall) bool { return len(call.Names) == 0 })
	return profile, nil
}

// denied are system calls that no container gets by default: each has been the
// way out of one. AF_ALG and AF_VSOCK sockets are denied by the profile itself.
// Today's profile allows none of them but bpf, and that only with its
// capability; naming them here keeps it so.
func denied() []string {
	return []string{
		"io_uring_setup", "io_uring_enter", "io_uring_register",
		"userfaultfd",
		"keyctl", "add_key", "request_key",
		"bpf",
	}
}

// readSeccompProfile reads a profile of the user's.
func readSeccompProfile(path string, spec *specs.Spec) (*specs.LinuxSeccomp, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, optionError(path, "seccomp profile %s: %w", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, optionError(path, "seccomp profile %s: not a regular file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSeccompProfile+1))
	if err != nil {
		return nil, optionError(path, "seccomp profile %s: %w", path, err)
	}
	if len(data) > maxSeccompProfile {
		return nil, optionError(path, "seccomp profile %s: more than %d bytes", path, maxSeccompProfile)
	}
	profile, err := seccomp.LoadProfile(string(data), spec)
	if err != nil {
		return nil, optionError(path, "seccomp profile %s: %w", path, err)
	}
	if profile == nil {
		return nil, optionError(path, "seccomp profile %s: empty; to go without, say seccomp=unconfined", path)
	}
	return profile, nil
}
