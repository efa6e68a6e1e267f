// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// reaper waits for all children, also those that became ours because their own
// parent exited. Only who is expected is remembered.
type reaper struct {
	mu      sync.Mutex
	ended   map[int]syscall.WaitStatus
	waiting map[int]chan syscall.WaitStatus
	// open is above zero while a child may end before anybody knows its pid.
	open int
	wake chan struct{}
}

func newReaper() *reaper {
	r := &reaper{ended: map[int]syscall.WaitStatus{}, waiting: map[int]chan syscall.WaitStatus{}, wake: make(chan struct{}, 1)}
	go r.loop()
	return r
}

func (r *reaper) loop() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil: // no children
			<-r.wake
		case pid > 0:
			r.note(pid, status)
		}
	}
}

func (r *reaper) note(pid int, status syscall.WaitStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c, ok := r.waiting[pid]; ok {
		delete(r.waiting, pid)
		c <- status
	} else if r.open > 0 {
		r.ended[pid] = status
	}
}

// begin says that a child is about to be born; end that its pid is known.
func (r *reaper) begin() {
	r.mu.Lock()
	r.open++
	r.mu.Unlock()
}

func (r *reaper) end() {
	r.mu.Lock()
	if r.open--; r.open == 0 {
		clear(r.ended)
	}
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// status gives the channel that gets the status of a child. Call it between
// begin and end.
func (r *reaper) status(pid int) <-chan syscall.WaitStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := make(chan syscall.WaitStatus, 1)
	if status, ok := r.ended[pid]; ok {
		delete(r.ended, pid)
		c <- status
	} else {
		r.waiting[pid] = c
	}
	return c
}

// start forks a program in a process group of its own.
func (r *reaper) start(argv, env []string, files []*os.File) (pid int, ended <-chan syscall.WaitStatus, err error) {
	fds := make([]uintptr, len(files))
	for i, f := range files {
		fds[i] = rawFD(f)
	}
	r.begin()
	defer r.end()
	pid, err = syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{
		Dir: "/", Env: env, Files: fds, Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return 0, nil, err
	}
	return pid, r.status(pid), nil
}

// rawFD is the descriptor as it is: Fd would make it block.
func rawFD(f *os.File) uintptr {
	var fd uintptr
	if raw, err := f.SyscallConn(); err == nil {
		_ = raw.Control(func(n uintptr) { fd = n })
	}
	return fd
}

// errTimeout: a program did not end in time and was killed.
var errTimeout = errors.New("did not answer in time")

// await gives the status of a child, and kills its process group when it takes
// longer than limit, or when done is closed.
func await(pid int, ended <-chan syscall.WaitStatus, limit time.Duration) (syscall.WaitStatus, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case status := <-ended:
		return status, nil
	case <-timer.C:
		_ = unix.Kill(-pid, unix.SIGKILL)
		return <-ended, errTimeout
	}
}
