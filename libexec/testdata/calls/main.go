// SPDX-License-Identifier: Apache-2.0

// Command calls is started in a container by tests. It tells how the container's
// seccomp filter decides on each system call, and executes none of them: on one
// thread it adds a filter that hands every call with a mark in its sixth argument
// to another thread, which refuses it with EXFULL. A filter's own refusal goes
// before that, so EXFULL means allowed.
package main

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const mark = 0x7ac0ffee

func main() {
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		fail("no_new_privs", err)
	}
	const loadArgument6 = 16 + 5*8 // of struct seccomp_data, the lower half
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: loadArgument6},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 0, Jf: 1, K: mark},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0x7fc00000}, // SECCOMP_RET_USER_NOTIF
		{Code: unix.BPF_RET | unix.BPF_K, K: 0x7fff0000}, // SECCOMP_RET_ALLOW
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	const newListener = 1 << 3
	listener, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, 1, newListener, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		fail("seccomp", errno)
	}
	go refuse(listener)

	for number := range uintptr(512) {
		if number != 335 && number != 336 { // x86-64's uretprobe and uprobe, for which the kernel asks no filter
			decide("call", number, 0, 0)
		}
	}
	decide("call", 1<<20, 0, 0)
	for family := range uintptr(64) {
		decide("socket", unix.SYS_SOCKET, family, 0)
		decide("socketpair", unix.SYS_SOCKETPAIR, family, 0)
	}
	for _, persona := range []uintptr{0, 8, 0x20000, 0x20008, 0xffffffff, 1, 0x40000} {
		decide("personality", unix.SYS_PERSONALITY, persona, 0)
	}
	for bit := range 32 {
		decide("clone", unix.SYS_CLONE, 1<<bit, 1<<bit)
		decide("unshare", unix.SYS_UNSHARE, 1<<bit, 1<<bit)
	}
	os.Exit(0)
}

func decide(name string, number, first, second uintptr) {
	_, _, errno := unix.RawSyscall6(number, first, second, 0, 0, 0, mark)
	fmt.Println(name, number, first, unix.ErrnoName(errno))
}

// refuse answers the kernel's questions about marked calls.
func refuse(listener uintptr) {
	runtime.LockOSThread()
	const receive, send = 0xc0502100, 0xc0182101 // SECCOMP_IOCTL_NOTIF_RECV, _SEND
	for {
		var question struct {
			id         uint64
			pid, flags uint32
			data       [64]byte
		}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, listener, receive, uintptr(unsafe.Pointer(&question))); withdrawn(errno) {
			continue
		} else if errno != 0 {
			fail("receive", errno)
		}
		answer := struct {
			id           uint64
			value        int64
			error, flags int32
		}{id: question.id, error: -int32(unix.EXFULL)}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, listener, send, uintptr(unsafe.Pointer(&answer))); errno != 0 && !withdrawn(errno) {
			fail("send", errno)
		}
	}
}

// withdrawn says that a signal ended the call that was asked about: it comes again.
func withdrawn(errno syscall.Errno) bool { return errno == unix.ENOENT || errno == unix.EINTR }

func fail(what string, err error) {
	fmt.Println(what, err)
	os.Exit(1)
}
