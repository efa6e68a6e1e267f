// SPDX-License-Identifier: Apache-2.0

package unpack

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

func TestConfinedProcess(t *testing.T) {
	r := runProbe(t)
	eperm, enoent, eacces := unix.EPERM.Error(), unix.ENOENT.Error(), unix.EACCES.Error()
	want := map[string]string{
		"open /etc/shadow": enoent, "socket inet": eperm, "socket unix": eperm, "socketpair": eperm,
		"execve": eperm, "ptrace": eperm, "fork": eperm, "kill": eperm, "mount": eperm, "unshare": eperm,
		"bpf": eperm, "io_uring": eperm, "keyctl": eperm, "setuid": eperm, "open_by_handle_at": eperm,
		"stay in the root": "allowed", "mknod": "allowed", "create": "allowed", "link": "allowed", "rename": "allowed",
		"chown": "allowed", "chmod": "allowed", "trusted xattr": "allowed", "user xattr": "allowed", "threads": "allowed",
	}
	if version, err := syscall.LandlockGetABIVersion(); err == nil && version > 0 {
		want["open shadow by descriptor"] = eacces
		want["read passwd by descriptor"] = eacces
		want["create by descriptor"] = eacces
	} else {
		t.Log("the kernel has no Landlock: a leaked descriptor is not tried")
	}
	for name, err := range want {
		if r.Errors[name] != err {
			t.Errorf("%s: %q, want %q", name, r.Errors[name], err)
		}
	}
	if _, err := os.Lstat("/var/tmp/tug-probe"); err == nil {
		t.Error("the probe made a file on the host")
	}
	slices.Sort(r.Environment)
	if got := strings.Join(r.Environment, " "); got != "OPT={} _CONTAINERS_USERNS_CONFIGURED=" {
		t.Errorf("environment: %s", got)
	}
	for _, line := range []string{"NoNewPrivs:\t1", "Seccomp:\t2", "CapInh:\t0000000000000000", "CapAmb:\t0000000000000000"} {
		if !strings.Contains(r.Status, line+"\n") {
			t.Errorf("no %q in\n%s", line, r.Status)
		}
	}
	var mask uint64
	for _, c := range kept {
		mask |= 1 << c
	}
	for _, set := range []string{"CapPrm", "CapEff", "CapBnd"} {
		if got := capabilities(t, r.Status, set); got&^mask != 0 {
			t.Errorf("%s is %x, more than %x", set, got, mask)
		}
	}
}

func capabilities(t *testing.T, status, set string) uint64 {
	t.Helper()
	_, rest, ok := strings.Cut(status, set+":\t")
	if !ok || len(rest) < 16 {
		t.Fatalf("no %s in %s", set, status)
	}
	var v uint64
	for _, r := range rest[:16] {
		v = v<<4 | uint64(strings.IndexRune("0123456789abcdef", r))
	}
	return v
}

// TestFilter runs the filter in the interpreter: each denied call, and calls
// that must pass.
func TestFilter(t *testing.T) {
	if auditArch == 0 {
		t.Skip("no filter for this architecture")
	}
	run := func(arch, call, arg0 uint32) uint32 {
		data := make([]byte, 64)
		for i, v := range map[int]uint32{offsetCall: call, offsetArch: arch, offsetArg0: arg0} {
			// The interpreter loads big-endian words.
			data[i], data[i+1], data[i+2], data[i+3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
		}
		vm, err := bpf.NewVM(filter())
		if err != nil {
			t.Fatal(err)
		}
		out, err := vm.Run(data)
		if err != nil {
			t.Fatal(err)
		}
		return uint32(out)
	}
	eperm := uint32(retErrno | uint32(unix.EPERM))
	for _, call := range append(denied, deniedHere...) {
		if got := run(auditArch, uint32(call), 0); got != eperm {
			t.Errorf("call %d: %x", call, got)
		}
	}
	for _, tc := range []struct {
		name             string
		arch, call, arg0 uint32
		want             uint32
	}{
		{"write", auditArch, unix.SYS_WRITE, 0, retAllow},
		{"openat", auditArch, unix.SYS_OPENAT, 0, retAllow},
		{"mknodat", auditArch, unix.SYS_MKNODAT, 0, retAllow},
		{"a thread", auditArch, unix.SYS_CLONE, unix.CLONE_THREAD | unix.CLONE_VM, retAllow},
		{"a process", auditArch, unix.SYS_CLONE, uint32(unix.SIGCHLD), eperm},
		{"clone3", auditArch, unix.SYS_CLONE3, 0, retErrno | uint32(unix.ENOSYS)},
		{"chroot is a no-op", auditArch, unix.SYS_CHROOT, 0, retErrno},
		{"another architecture", 1, unix.SYS_WRITE, 0, retKill},
		{"x32", auditArch, 0x40000000 | unix.SYS_WRITE, 0, retKill},
	} {
		if got := run(tc.arch, tc.call, tc.arg0); got != tc.want {
			t.Errorf("%s: %x, want %x", tc.name, got, tc.want)
		}
	}
}

// TestInitElsewhere: in a program of another name Init changes nothing.
func TestInitElsewhere(t *testing.T) {
	t.Setenv("SECRET", "x")
	if Init() || os.Getenv("SECRET") != "x" {
		t.Error("Init did something")
	}
}
