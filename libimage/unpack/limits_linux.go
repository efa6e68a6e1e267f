// SPDX-License-Identifier: Apache-2.0

package unpack

import (
	"fmt"
	"runtime/debug"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

const (
	maxMemory  = 1 << 30
	softMemory = 256 << 20
	maxFiles   = 128
	maxSeconds = 3600
)

// limitResources bounds what a hostile archive can make us use.
func limitResources() error {
	debug.SetMemoryLimit(softMemory)
	for _, limit := range []struct {
		name  string
		which int
		most  uint64
	}{
		{"data", unix.RLIMIT_DATA, maxMemory},
		{"nofile", unix.RLIMIT_NOFILE, maxFiles},
		{"cpu", unix.RLIMIT_CPU, maxSeconds},
		{"core", unix.RLIMIT_CORE, 0},
	} {
		var now unix.Rlimit
		if err := unix.Getrlimit(limit.which, &now); err != nil {
			return fmt.Errorf("read limit %s: %w", limit.name, err)
		}
		most := min(limit.most, now.Max)
		if err := unix.Setrlimit(limit.which, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return fmt.Errorf("set limit %s: %w", limit.name, err)
		}
	}
	return nil
}

// enterFD makes an open directory the root.
func enterFD(fd int) error {
	if err := unix.Fchdir(fd); err != nil {
		return fmt.Errorf("enter the layer: %w", err)
	}
	return enter(".")
}

// enter makes a directory the root. The library does it again; restrictCalls
// makes that a no-op, and with it the way out that a second chroot is.
func enter(dir string) error {
	if err := unix.Chroot(dir); err != nil {
		return fmt.Errorf("enter the layer: %w", err)
	}
	return unix.Chdir("/")
}

// kept are the capabilities that unpacking needs. SYS_ADMIN is for extended
// attributes in trusted (the mark of an opaque directory) and security; what
// else it allows, restrictCalls takes away.
var kept = []int{
	unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID,
	unix.CAP_MKNOD, unix.CAP_SETFCAP, unix.CAP_SYS_ADMIN,
}

// dropCapabilities leaves kept, in every thread and for good.
func dropCapabilities() error {
	if err := everyThread("set no_new_privs", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0); err != nil {
		return err
	}
	var mask uint64
	for _, c := range kept {
		mask |= 1 << c
	}
	for c := uintptr(0); c < 64; c++ {
		has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, c, 0, 0, 0)
		if err != nil {
			break // past the last one
		}
		if has == 0 || mask&(1<<c) != 0 {
			continue
		}
		if err := everyThread("drop a capability", unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c, 0); err != nil {
			return err
		}
	}
	if err := everyThread("drop ambient capabilities", unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0); err != nil {
		return err
	}
	return setCapabilities(mask)
}

// restrictFiles allows what is below the root and nothing else, where the
// kernel knows Landlock.
func restrictFiles() error {
	config := landlock.V6.BestEffort()
	if err := config.Restrict(landlock.RWDirs("/").WithRefer()); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	return nil
}

func everyThread(what string, call, a, b, c uintptr) error {
	if _, _, errno := psx.Syscall6(call, a, b, c, 0, 0, 0); errno != 0 {
		return fmt.Errorf("%s: %w", what, errno)
	}
	return nil
}
