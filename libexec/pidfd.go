// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/proc"
)

// Handle holds on to a process, ours or not: whatever becomes of its pid, it
// means that very process. It is from Process.Open, and ends with Close. It is
// safe for use by many goroutines, but Wait by one at a time.
type Handle struct {
	process Process
	file    *os.File // a pidfd
}

// Open holds on to the process. When it is gone, or its pid is another's now,
// the error is fs.ErrNotExist.
func (p Process) Open() (*Handle, error) {
	gone := fmt.Errorf("process %d: %w", p.Pid, fs.ErrNotExist)
	if p.Pid <= 0 || p.StartTime == 0 {
		return nil, gone
	}
	fd, err := unix.PidfdOpen(p.Pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) {
		return nil, gone
	}
	if err != nil {
		return nil, fmt.Errorf("process %d: pidfd_open: %w", p.Pid, err)
	}
	h := &Handle{process: p, file: os.NewFile(uintptr(fd), "pidfd")}
	// Now that the pid cannot be given away any more, look whose it is.
	now, err := FindProcess(p.Pid)
	if err == nil && now.StartTime != p.StartTime {
		err = gone
	}
	if err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

// Close lets go of the process.
func (h *Handle) Close() error { return h.file.Close() }

// Signal sends a signal. A process that is gone gives os.ErrProcessDone.
func (h *Handle) Signal(sig syscall.Signal) error {
	var sent error
	err := h.control(func(fd int) { sent = unix.PidfdSendSignal(fd, sig, nil, 0) })
	switch err = errors.Join(err, sent); {
	case err == nil:
		return nil
	case errors.Is(err, unix.ESRCH):
		return fmt.Errorf("process %d: %w", h.process.Pid, os.ErrProcessDone)
	default:
		return fmt.Errorf("process %d: signal %d: %w", h.process.Pid, int(sig), err)
	}
}

// Wait returns when the process has ended, whether its parent knows or not. The
// error is that of ctx.
func (h *Handle) Wait(ctx context.Context) error { return h.wait(ctx, unix.POLLIN) }

// wait waits for POLLIN, the end of the process, or for POLLHUP, when its
// parent has taken note of it; only since Linux 6.15 is that told at once.
func (h *Handle) wait(ctx context.Context, event int16) error {
	raw, err := h.file.SyscallConn()
	if err != nil {
		return err
	}
	for {
		if err := h.file.SetReadDeadline(time.Time{}); err != nil {
			return fmt.Errorf("process %d: wait: %w", h.process.Pid, err)
		}
		stop := context.AfterFunc(ctx, func() { _ = h.file.SetReadDeadline(time.Unix(1, 0)) })
		err = raw.Read(func(fd uintptr) bool {
			fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			n, err := unix.Poll(fds, 0)
			return err == nil && n > 0 && fds[0].Revents&event != 0
		})
		stop()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !errors.Is(err, os.ErrDeadlineExceeded): // that of a former ctx, come late
			return fmt.Errorf("process %d: wait: %w", h.process.Pid, err)
		}
	}
}

func (h *Handle) control(f func(fd int)) error {
	raw, err := h.file.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { f(int(fd)) })
}

// ExitCode gives the exit status of the process after its end, 128+n when signal
// n ended it, or nil where nobody can tell. Its own parent is told by the kernel;
// we are not, and ask: for a process whose parent has not looked yet, /proc has
// the answer, and later the pidfd, since Linux 6.15.
func (h *Handle) ExitCode() *int {
	if status, ok := h.exitInfo(); ok {
		return exitCode(status)
	}
	if status, ok := h.zombieStatus(); ok {
		return exitCode(status)
	}
	// The parent may have looked between these two.
	if status, ok := h.exitInfo(); ok {
		return exitCode(status)
	}
	return nil
}

func exitCode(status syscall.WaitStatus) *int {
	code := status.ExitStatus()
	switch {
	case status.Signaled():
		code = 128 + int(status.Signal())
	case !status.Exited():
		return nil
	}
	return &code
}

// pidfdInfo is the kernel's struct pidfd_info as of its first version.
type pidfdInfo struct {
	mask, cgroup    uint64
	pid, tgid, ppid uint32
	ruid, rgid      uint32
	euid, egid      uint32
	suid, sgid      uint32
	fsuid, fsgid    uint32
	exitStatus      int32
}

const (
	pidfdInfoExit = 1 << 3
	// _IOWR(PIDFS_IOCTL_MAGIC, 11, struct pidfd_info)
	pidfdGetInfo = 3<<30 | unsafe.Sizeof(pidfdInfo{})<<16 | 0xff<<8 | 11
)

func (h *Handle) exitInfo() (syscall.WaitStatus, bool) {
	info := pidfdInfo{mask: pidfdInfoExit}
	var errno syscall.Errno
	err := h.control(func(fd int) {
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, uintptr(fd), pidfdGetInfo, uintptr(unsafe.Pointer(&info)))
	})
	ok := err == nil && errno == 0 && info.mask&pidfdInfoExit != 0
	return syscall.WaitStatus(info.exitStatus), ok
}

// zombieStatus reads the exit status of a process that its parent has not
// waited for: the last field of its stat, for who may trace it.
func (h *Handle) zombieStatus() (syscall.WaitStatus, bool) {
	stat, err := proc.ReadStat(h.process.Pid)
	if err != nil || !stat.Zombie() || stat.StartTime() != h.process.StartTime {
		return 0, false
	}
	n := stat.Number(proc.ExitCode)
	// Zero is also what is shown to who may not trace it. That is needed to follow
	// this link, too.
	_, denied := os.Readlink("/proc/" + strconv.Itoa(h.process.Pid) + "/ns/user")
	return syscall.WaitStatus(n), n != 0 || denied == nil
}

// reapLimit is how long WaitProcess waits for the parent of a dead process to
// look, if the answer cannot be had before.
const reapLimit = time.Second

// WaitProcess waits until a process has ended, which need not be our child, and
// gives its exit status: 128+n when signal n ended it, nil when it cannot be
// known, as for a process that had ended before.
func WaitProcess(ctx context.Context, p Process) (code *int, err error) {
	h, err := p.Open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer h.Close()
	if err := h.Wait(ctx); err != nil {
		return nil, err
	}
	if code := h.ExitCode(); code != nil {
		return code, nil
	}
	ctx, cancel := context.WithTimeout(ctx, reapLimit)
	defer cancel()
	_ = h.wait(ctx, unix.POLLHUP) // what can be had is had after
	return h.ExitCode(), nil
}
