// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/tug-containers/tug/internal/proc"
)

const (
	// How often the pid file is looked for. An inotify watch would tell at once,
	// but a user may have 128 of those in all; a runtime takes 5 to 50 ms.
	tickFirst = 2 * time.Millisecond
	tickLast  = 20 * time.Millisecond
	// A process that executes the runtime's file for longer than that is one of
	// a runtime whose containers look so from outside (a sandbox, a shim).
	stubLimit = 2 * time.Second
	// A runtime has that long to get out of the way when its container is dead
	// or should not come to life.
	grace = 3 * time.Second
)

// The steps of making a container end.
const (
	leave  = iota // nobody wants it to end
	ask           // the stop signal was sent
	kill          // SIGKILL to its first process, as soon as there is one
	uproot        // SIGKILL to the runtime and all that it started
)

// watch follows one container from the first fork of the runtime to its end. It
// belongs to the goroutine that called Run.
type watch struct {
	r       *Runtime
	c       Container
	o       *RunOptions
	runtime *os.Process // the verb that runs now, or nil
	resize  func()      // what SIGWINCH does, with a terminal

	process Process
	init    *os.Process // the same; holds a pidfd
	stubEnd time.Time   // stubLimit after process was learnt
	seen    bool        // process has been seen to be the command, not the runtime
	settled bool        // there is no more to learn about process
	checked bool        // but its user, unless this is set
	pending []syscall.Signal

	step     int
	forceAt  time.Time      // when the next step is due
	deadline time.Time      // of RunOptions.Timeout
	reason   error          // why we made it end
	abort    syscall.Signal // a signal came before the command ran
	early    syscall.Signal // what the command gets if it turns out to run already
	timedOut bool
}

// until serves signals, time-outs and ctx until ended is closed. limit, if any,
// bounds the time until the container has a process, or with whole the time
// until ended.
func (w *watch) until(ctx context.Context, verb string, ended <-chan struct{}, limit time.Duration, whole bool) {
	var tickAt, limitAt time.Time
	interval := tickFirst
	now := time.Now()
	if !w.settled || !w.checked {
		tickAt = now.Add(interval)
	}
	if limit > 0 {
		limitAt = now.Add(limit)
	}
	cancelled, signals := ctx.Done(), w.o.Signals.channel()
	alarm := time.NewTimer(interval)
	defer alarm.Stop()
	for {
		if wait, some := untilFirst(now, tickAt, limitAt, w.forceAt, w.deadline); some {
			alarm.Reset(wait)
		} else {
			alarm.Stop()
		}
		select {
		case <-ended:
			return
		case sig := <-signals:
			if n, ok := sig.(syscall.Signal); ok {
				w.signal(n)
			}
		case <-cancelled:
			cancelled = nil
			w.end(fmt.Errorf("container %s: %w", w.c.ID, context.Cause(ctx)), ask)
		case <-alarm.C:
		}
		now = time.Now()
		if due(now, tickAt) {
			if err := w.look(now); err != nil {
				w.end(err, kill)
			}
			interval = min(interval*2, tickLast)
			tickAt = now.Add(interval)
			if w.settled && w.checked {
				tickAt = time.Time{}
			}
		}
		if due(now, limitAt) {
			limitAt = time.Time{}
			if whole || w.process.Pid == 0 {
				w.end((&RuntimeError{
					Path: w.r.Path, Verb: verb, Err: ErrRuntimeTimeout, Message: lastError(w.c.logFile()),
				}).classify(w.c.ID), uproot)
			}
		}
		if due(now, w.deadline) {
			w.deadline = time.Time{}
			w.timedOut = true
			w.to(kill)
		}
		if due(now, w.forceAt) {
			w.to(min(w.step+1, uproot))
		}
	}
}

func due(now, at time.Time) bool { return !at.IsZero() && !now.Before(at) }

func untilFirst(now time.Time, times ...time.Time) (time.Duration, bool) {
	var first time.Time
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return max(first.Sub(now), 0), !first.IsZero()
}

// look learns what there is to learn about the container's process.
func (w *watch) look(now time.Time) error {
	if w.process.Pid == 0 {
		pid := proc.PidFile(w.c.pidFile())
		if pid == 0 {
			return nil
		}
		if err := w.learn(pid, now); err != nil {
			return err
		}
	}
	if !w.settled {
		w.become(now)
	}
	switch {
	case w.checked:
		return nil
	case w.seen:
		return w.verifyUser(now)
	case w.settled:
		w.checked = true // there is nobody to look at
	}
	return nil
}

// become finds out whether the process has become the container's command.
func (w *watch) become(now time.Time) {
	stub, ok := w.r.inRuntime(w.process.Pid)
	switch {
	case !ok:
		w.settled = true // it is over already
	case !stub:
		w.seen, w.settled = true, true
	case now.After(w.stubEnd):
		w.settled = true
	}
	if w.settled {
		w.o.Signals.catchRest()
		for _, sig := range w.pending {
			w.send(sig)
		}
		w.pending = nil
	}
}

// learn takes note of the container's process, and tells.
func (w *watch) learn(pid int, now time.Time) error {
	w.process.Pid = pid
	w.stubEnd = now.Add(stubLimit)
	if w.o.Timeout > 0 {
		w.deadline = now.Add(w.o.Timeout)
	}
	if p, err := FindProcess(pid); err == nil {
		w.process = p
		if w.init, err = os.FindProcess(pid); err != nil {
			return fmt.Errorf("container %s: %w", w.c.ID, err)
		}
	}
	w.catchUp(now)
	if w.o.OnStart != nil {
		if err := w.o.OnStart(w.process); err != nil {
			return fmt.Errorf("container %s: %w", w.c.ID, err)
		}
	}
	return nil
}

// catchUp ends a process that we learn of when it should not come to life any
// more. A runtime may tell of it late (runc: when its command runs already);
// then it is asked as any running container is.
func (w *watch) catchUp(now time.Time) {
	if w.step < kill {
		return
	}
	stub, ok := w.r.inRuntime(w.process.Pid)
	if w.step > kill || w.early == 0 || stub || !ok {
		w.send(syscall.SIGKILL)
		return
	}
	w.send(w.early)
	w.step, w.forceAt, w.abort = ask, now.Add(w.o.StopTimeout), 0
}

// started reports whether the container's command runs, as far as can be told
// now. Before that, a signal is not the command's: the kernel would drop it,
// since nobody handles it yet.
func (w *watch) started() bool {
	if !w.settled {
		if err := w.look(time.Now()); err != nil {
			w.end(err, kill)
		}
	}
	return w.settled
}

// signal is what a signal to us does.
func (w *watch) signal(sig syscall.Signal) {
	switch {
	case sig == syscall.SIGWINCH && w.resize != nil:
		w.resize()
	case w.started():
		if sig != syscall.SIGPIPE {
			w.send(sig)
		}
	case Terminates(sig):
		if w.abort == 0 && w.reason == nil {
			w.abort = sig
			if w.process.Pid == 0 && sig != syscall.SIGPIPE {
				w.early = sig
			}
		}
		w.to(kill)
	default:
		w.pending = append(w.pending, sig)
	}
}

// end makes the container end because of err.
func (w *watch) end(err error, step int) {
	if step == ask && !w.started() {
		step = kill
		if w.process.Pid == 0 {
			w.early = w.o.StopSignal
		}
	}
	if w.reason == nil {
		w.reason = err
	}
	w.to(step)
}

func (w *watch) to(step int) {
	if step < w.step {
		return
	}
	w.step = step
	wait := grace
	switch step {
	case ask:
		w.send(w.o.StopSignal)
		wait = w.o.StopTimeout
	case kill:
		w.send(syscall.SIGKILL)
	case uproot:
		w.send(syscall.SIGKILL)
		if w.runtime != nil {
			killTree(w.runtime.Pid)
		}
	}
	w.forceAt = time.Now().Add(wait)
}

// send signals the container's first process, by pidfd: never a stranger.
func (w *watch) send(sig syscall.Signal) {
	if w.init != nil {
		_ = w.init.Signal(sig) // gone is as good
	}
}

// verifyUser compares the process with the user that was asked for. One that
// has other ids may have changed them itself, or be a runtime behind the one
// that we know; it is the command for sure when it has the command's arguments,
// and the kernel says that it was another when it was executed.
func (w *watch) verifyUser(now time.Time) error {
	want := w.o.User
	if want == nil || want.UID == 0 {
		w.checked = true
		return nil
	}
	is, err := userOf(w.process.Pid)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ESRCH), errors.Is(err, syscall.EACCES):
		w.checked = true
		return nil
	case err != nil:
		return fmt.Errorf("container %s: %w", w.c.ID, err)
	case is.uid == want.UID && is.gid == want.GID:
		w.checked = true
		return nil
	}
	if is.mayChange {
		uid, gid, known := executedAs(w.process.Pid)
		right := !known || uid == want.UID && gid == want.GID
		if right || !executes(w.process.Pid, w.o.Args) {
			w.checked = right || now.After(w.stubEnd) // else another look
			return nil
		}
	}
	return fmt.Errorf("container %s: %w: %d:%d instead of %d:%d", w.c.ID, ErrWrongUser, is.uid, is.gid, want.UID, want.GID)
}
