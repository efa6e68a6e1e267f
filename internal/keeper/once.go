// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/tug-containers/tug/internal/life"
	"github.com/tug-containers/tug/internal/proc"
	"github.com/tug-containers/tug/internal/userns/tenant"
	"github.com/tug-containers/tug/libexec/monitor"
	"golang.org/x/sys/unix"
)

// process is the container's first process.
type process struct {
	pid       int
	startTime uint64
	pidfd     *os.File
	ended     <-chan syscall.WaitStatus
	started   time.Time
	group     memoryGroup
}

func (p *process) signal(sig syscall.Signal) {
	_ = unix.PidfdSendSignal(int(rawFD(p.pidfd)), sig, nil, 0) // gone is as good
}

// once is one life of the container. code is nil when it was not seen.
func (k *keeper) once() (code *int, oom bool, failure *monitor.Failure) {
	k.forget()
	s, err := k.openStreams()
	if err != nil {
		return nil, false, &monitor.Failure{Message: err.Error()}
	}
	defer s.close()
	p, failure := k.create(s)
	if failure != nil {
		k.remove()
		return nil, false, failure
	}
	defer p.pidfd.Close()
	s.copy()
	live := life.Live{
		Starts: k.c.Starts, Restarts: k.restarts, Pid: p.pid, StartTime: p.startTime, BootID: proc.BootID(), StartedAt: p.started,
		Monitor: os.Getpid(), MonitorStart: proc.StartTime(os.Getpid()),
	}
	if err := errors.Join(live.Write(k.c.Dir), k.register(p)); err != nil {
		failure = &monitor.Failure{Message: err.Error()}
	} else {
		failure = k.verb(s, "start", k.c.ID)
	}
	if failure != nil {
		p.signal(unix.SIGKILL)
		k.remove()
		<-p.ended
		s.drain(drainLimit)
		return nil, false, failure
	}
	k.note("start", nil, nil)
	_ = k.say(monitor.Report{Pid: p.pid, StartTime: p.startTime}) // a client that was killed changes nothing
	k.wish.Answered("")
	k.wish = nil
	return k.await(p, s)
}

// register says that the process lives in our user namespace: it may do so when
// we were killed.
func (k *keeper) register(p *process) error {
	if k.c.Namespace == "" {
		return nil
	}
	return k.home.Add(tenant.Process{Pid: p.pid, StartTime: p.startTime}, func(o tenant.Process) bool {
		return proc.StartTime(o.Pid) == o.StartTime
	})
}

// drainLimit is how long output is waited for that others than the first process
// may still write, before and after those are killed.
const drainLimit = 2 * time.Second

// await is the time from the start to the end.
func (k *keeper) await(p *process, s *streams) (*int, bool, *monitor.Failure) {
	k.mu.Lock()
	k.process = p
	k.mu.Unlock()
	healthEnd := make(chan struct{})
	var health sync.WaitGroup
	if k.c.Health != nil {
		health.Go(func() { k.watchHealth(p, healthEnd) })
	}
	s.quiet.Reset(quietAfter)
	defer s.quiet.Stop()
	var limit *time.Timer
	if k.c.Timeout > 0 {
		limit = time.AfterFunc(k.c.Timeout, func() { p.signal(unix.SIGKILL) })
	}
	status := <-p.ended
	if limit != nil {
		limit.Stop()
	}
	k.mu.Lock()
	k.process = nil
	k.mu.Unlock()
	close(healthEnd)
	oom := p.group.killed()
	code := status.ExitStatus()
	if status.Signaled() {
		code = 128 + int(status.Signal())
	}
	s.drain(drainLimit)
	exit := life.Exit{
		Starts: k.c.Starts, Restarts: k.restarts, Code: &code, OOMKilled: oom, StartedAt: p.started, Finished: time.Now().UTC(),
	}
	_ = exit.Write(k.c.Dir) // when the disk is full nobody knows the code: a reader sees no record
	k.note("died", &code, nil)
	health.Wait()
	k.remove()
	// Nobody writes any more; who reads slowly is given the time to have it all.
	s.drain(monitor.StallLimit + drainLimit)
	return &code, oom, nil
}

// forget removes what a former life left.
func (k *keeper) forget() {
	for _, name := range []string{"pid", ".pid", "runtime.log", "console"} {
		_ = os.Remove(filepath.Join(k.c.RunDir, name)) // the runtime says it if one stays
	}
}

// create has the runtime create the container, and learns its first process.
func (k *keeper) create(s *streams) (*process, *monitor.Failure) {
	args := []string{"--bundle", k.c.RunDir, "--pid-file", filepath.Join(k.c.RunDir, "pid")}
	if s.console != nil {
		args = append(args, "--console-socket", s.console.path)
	}
	if n := k.c.ExtraFiles; n > 0 {
		args = append(args, "--preserve-fds", strconv.Itoa(n))
	}
	k.reaper.begin() // the first process may end before its pid is read
	defer k.reaper.end()
	failure := k.verb(s, "create", append(args, k.c.ID)...)
	pid := proc.PidFile(filepath.Join(k.c.RunDir, "pid"))
	if failure == nil && pid == 0 {
		failure = &monitor.Failure{Verb: "create", Message: "no process was started"}
	}
	if failure != nil {
		return nil, failure
	}
	p := &process{pid: pid, startTime: proc.StartTime(pid), ended: k.reaper.status(pid), started: time.Now().UTC()}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, &monitor.Failure{Verb: "create", Message: "process " + strconv.Itoa(pid) + ": " + err.Error()}
	}
	p.pidfd = os.NewFile(uintptr(fd), "pidfd")
	p.group = findMemoryGroup(pid)
	if err := s.created(); err != nil {
		p.pidfd.Close()
		return nil, &monitor.Failure{Verb: "create", Message: err.Error()}
	}
	return p, nil
}

// verb executes one of the runtime's verbs. create has the container's stdio,
// and all others have none.
func (k *keeper) verb(s *streams, verb string, args ...string) *monitor.Failure {
	log := filepath.Join(k.c.RunDir, "runtime.log")
	argv := append([]string{}, k.c.Runtime...)
	argv = append(argv, "--log", log, "--log-format", "json", verb)
	argv = append(argv, args...)
	said, err := memory()
	if err != nil {
		return &monitor.Failure{Verb: verb, Message: err.Error()}
	}
	defer said.Close()
	files := []*os.File{k.null, said, said}
	if verb == "create" {
		files = s.container(said)
		files = append(files, k.extra...)
	}
	pid, ended, err := k.reaper.start(argv, k.c.Env, files)
	if verb == "create" {
		s.given()
	}
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno):
		return &monitor.Failure{Verb: verb, Errno: int(errno), Message: argv[0] + ": " + err.Error()}
	case err != nil:
		return &monitor.Failure{Verb: verb, Message: err.Error()}
	}
	status, err := await(pid, ended, k.c.StartTimeout)
	if err == nil && status.ExitStatus() == 0 {
		return nil
	}
	f := &monitor.Failure{Verb: verb, TimedOut: err != nil, Message: lastError(log)}
	if status.Signaled() {
		f.Signal = int(status.Signal())
	} else {
		f.Code = status.ExitStatus()
	}
	if f.Message == "" {
		f.Message = lastLine(said)
	}
	return f
}

// remove has the runtime remove the container with all its processes.
func (k *keeper) remove() {
	_ = k.verb(nil, "delete", "-f", k.c.ID) // one that it does not know is an error too
	_ = os.RemoveAll(k.c.StateDir)          // of a runtime that died half-way
}

func memory() (*os.File, error) {
	fd, err := unix.MemfdCreate("tug-runtime", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, &os.SyscallError{Syscall: "memfd_create", Err: err}
	}
	return os.NewFile(uintptr(fd), "runtime output"), nil
}
