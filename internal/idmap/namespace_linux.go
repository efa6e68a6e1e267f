// SPDX-License-Identifier: Apache-2.0

package idmap

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Namespace makes a user namespace with the mapping, which lives as long as its
// descriptor, or what is mounted with it.
//
// The kernel makes one for a new process only. Ours does nothing but wait, and is
// gone when Namespace returns.
func (m *Mapping) Namespace() (*os.File, error) {
	pid, err := idle(unix.CLONE_NEWUSER, -1)
	if err != nil {
		return nil, fmt.Errorf("user namespace: %w", err)
	}
	defer end(pid)
	for _, file := range []struct {
		name   string
		ranges []Range
	}{{"uid_map", m.UIDs}, {"gid_map", m.GIDs}} {
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/%s", pid, file.name), []byte(lines(file.ranges)), 0); err != nil {
			return nil, fmt.Errorf("user namespace: %w", err)
		}
	}
	f, err := os.Open(fmt.Sprintf("/proc/%d/ns/user", pid))
	if err != nil {
		return nil, fmt.Errorf("user namespace: %w", err)
	}
	return f, nil
}

// end ends the process that idle has made.
func end(pid int) {
	_ = unix.Kill(pid, unix.SIGKILL)
	for {
		// Somebody who waits for all of our children may have had it.
		if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.EINTR {
			return
		}
	}
}

// Of gives the mapping of a user namespace, as it is seen from ours.
func Of(namespace *os.File) (*Mapping, error) {
	pid, err := idle(0, int(namespace.Fd()))
	if err != nil {
		return nil, err
	}
	defer end(pid)
	var want unix.Stat_t
	if err := unix.Fstat(int(namespace.Fd()), &want); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		var is unix.Stat_t
		if err := unix.Stat(fmt.Sprintf("/proc/%d/ns/user", pid), &is); err != nil {
			return nil, err
		}
		if is.Ino == want.Ino && is.Dev == want.Dev {
			return ofProcess(pid)
		}
		if time.Now().After(deadline) {
			return nil, errors.New("it cannot be joined")
		}
	}
}

func ofProcess(pid int) (*Mapping, error) {
	m := &Mapping{}
	for _, file := range []struct {
		name string
		to   *[]Range
	}{{"uid_map", &m.UIDs}, {"gid_map", &m.GIDs}} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file.name))
		if err != nil {
			return nil, err
		}
		if *file.to, err = ReadMap(string(text)); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func lines(ranges []Range) string {
	var text strings.Builder
	for _, r := range ranges {
		fmt.Fprintf(&text, "%d %d %d\n", r.Container, r.Host, r.Size)
	}
	return text.String()
}

// idle forks a process that waits to be killed, and ends with us: in new namespaces
// by flags, or in the user namespace join unless that is negative. It has a copy of
// our memory and a single thread, so it makes system calls by itself, and hears no
// signal that our runtime would have to handle.
func idle(flags uintptr, join int) (int, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, old unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &old); err != nil {
		return 0, err
	}
	first, second := flags|uintptr(unix.SIGCHLD), uintptr(0)
	if runtime.GOARCH == "s390x" {
		first, second = second, first
	}
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, first, second, 0, 0, 0, 0)
	if pid == 0 && errno == 0 {
		unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0, 0)
		if join >= 0 {
			unix.RawSyscall6(unix.SYS_SETNS, uintptr(join), unix.CLONE_NEWUSER, 0, 0, 0, 0)
		}
		for {
			unix.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
		}
	}
	err := unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
	if errno != 0 {
		return 0, errno
	}
	return int(pid), err
}

// AsRoot runs f as whoever the container's root is on the host, for the kernel's
// checks of files, with all of our capabilities: what is made in a mapped file
// system must belong to somebody whom it knows. f must do its work in the goroutine
// in which it is called.
func (m *Mapping) AsRoot(f func() error) error {
	if m.Identity() {
		return f()
	}
	uid, gid := m.Root()
	done := make(chan error, 1)
	go func() {
		// The thread ends with the goroutine: nobody else gets it.
		runtime.LockOSThread()
		err := become(uid, gid)
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

// become changes the file system ids of this thread. With a uid that is not 0 the
// kernel takes capabilities away, and they are taken up again.
func become(uid, gid uint32) error {
	for _, call := range []struct{ number, id uintptr }{{unix.SYS_SETFSGID, uintptr(gid)}, {unix.SYS_SETFSUID, uintptr(uid)}} {
		unix.RawSyscall(call.number, call.id, 0, 0) // it answers with the old one
		now, _, _ := unix.RawSyscall(call.number, ^uintptr(0), 0, 0)
		if now != call.id {
			return fmt.Errorf("become %d:%d: %w", uid, gid, unix.EPERM)
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	data[0].Effective, data[1].Effective = data[0].Permitted, data[1].Permitted
	if err := unix.Capset(&header, &data[0]); err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	return nil
}
