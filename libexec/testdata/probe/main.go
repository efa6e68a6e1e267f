// SPDX-License-Identifier: Apache-2.0

// Command probe is started in a container by tests. It tries system calls that
// the default seccomp profile denies and prints how each ended, one per line.
package main

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	socket := func(family int) error {
		fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}
	alg := func() error {
		fd, err := unix.Socket(unix.AF_ALG, unix.SOCK_SEQPACKET, 0)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}
	call := func(number, a, b, c uintptr) error {
		_, _, errno := syscall.RawSyscall(number, a, b, c)
		if errno == 0 {
			return nil
		}
		return errno
	}
	var params [120]byte
	p := uintptr(unsafe.Pointer(&params[0]))
	for _, try := range []struct {
		name string
		err  error
	}{
		{"inet", socket(unix.AF_INET)},
		{"unix", socket(unix.AF_UNIX)},
		{"af_alg", alg()},
		{"af_vsock", socket(unix.AF_VSOCK)},
		{"io_uring_setup", call(unix.SYS_IO_URING_SETUP, 1, p, 0)},
		{"io_uring_enter", call(unix.SYS_IO_URING_ENTER, ^uintptr(0), 0, 0)},
		{"io_uring_register", call(unix.SYS_IO_URING_REGISTER, ^uintptr(0), 0, 0)},
		{"userfaultfd", call(unix.SYS_USERFAULTFD, 0, 0, 0)},
		{"keyctl", call(unix.SYS_KEYCTL, 0, ^uintptr(2), 0)},
		{"add_key", call(unix.SYS_ADD_KEY, 0, 0, 0)},
		{"request_key", call(unix.SYS_REQUEST_KEY, 0, 0, 0)},
		{"bpf", call(unix.SYS_BPF, 0, p, 72)},
		{"perf_event_open", call(unix.SYS_PERF_EVENT_OPEN, p, 0, ^uintptr(0))},
		{"unshare", call(unix.SYS_UNSHARE, unix.CLONE_NEWUSER, 0, 0)},
		{"mount", unix.Mount("none", "/", "tmpfs", 0, "")},
		{"open_by_handle_at", call(unix.SYS_OPEN_BY_HANDLE_AT, ^uintptr(0), p, 0)},
	} {
		fmt.Println(try.name, word(try.err))
	}
}

func word(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return unix.ErrnoName(errno)
	}
	return "ok"
}
