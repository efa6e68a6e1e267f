// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/proc"
)

// execTerminal has the runtime start the process on a terminal of its own and
// leave it to us, and stays between that and the caller's.
func (w *watch) execTerminal(ctx context.Context, o *ExecOptions, args []string) (exit Exit, err error) {
	if err := becomeReaper(); err != nil {
		return Exit{}, fmt.Errorf("container %s: %w", w.c.ID, err)
	}
	socket, err := listenConsole(w.c.Bundle)
	if err != nil {
		return Exit{}, fmt.Errorf("container %s: console socket: %w", w.c.ID, err)
	}
	defer socket.Close()
	defer func() { exit.Process = w.process }()
	err = w.runVerb("exec", func(ended <-chan struct{}) {
		w.until(ctx, "exec", ended, w.o.StartTimeout, true)
	}, append(args, "--detach", "--console-socket", socket.path, w.c.ID)...)
	if w.process.Pid == 0 {
		if pid := proc.PidFile(w.c.pidFile()); pid != 0 {
			if lerr := w.learn(pid, time.Now()); lerr != nil {
				w.end(lerr, kill)
			}
		}
	}
	if err == nil && w.init == nil {
		err = (&RuntimeError{Path: w.r.Path, Verb: "exec"}).classify(w.c.ID)
	}
	if err != nil || w.step != leave {
		w.to(kill)
		return w.notStarted(err)
	}
	master, err := socket.receive()
	if err != nil {
		w.to(kill)
		return w.notStarted((&RuntimeError{Path: w.r.Path, Verb: "exec", Err: err}).classify(w.c.ID))
	}
	if o.Detach {
		defer master.Close()
		if err := w.leaveAlone(o, master); err != nil {
			return Exit{}, fmt.Errorf("container %s: %w", w.c.ID, err)
		}
		return Exit{Started: true}, nil
	}
	return w.converse(ctx, o, master)
}

// becomeReaper makes us the parent of processes whose parent ends.
func becomeReaper() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become a reaper: %w", err)
	}
	return nil
}

// converse stays with the process until it ends, or the keys to detach are
// typed.
func (w *watch) converse(ctx context.Context, o *ExecOptions, master *os.File) (Exit, error) {
	s, err := openSession(o.Stdio, master)
	if err != nil {
		master.Close()
		w.to(kill)
		return w.notStarted(fmt.Errorf("container %s: terminal: %w", w.c.ID, err))
	}
	defer s.close()
	s.keys.keys = o.DetachKeys
	w.resize = s.resize
	w.o.Signals.catchRest()
	ended := make(chan struct{})
	init := w.reap()
	var status syscall.WaitStatus
	detached := false
	if err := s.begin(); err != nil {
		w.to(kill)
		return w.notStarted(fmt.Errorf("container %s: %w", w.c.ID, err))
	}
	go func() {
		defer close(ended)
		select {
		case status = <-init:
		case <-s.detached:
			detached = true
		}
	}()
	w.until(ctx, "exec", ended, 0, false)
	if detached {
		s.leave()
		if o.Hold != nil {
			err = o.Hold(w.process, master)
		}
		return Exit{Started: true, Detached: true}, err
	}
	exit := Exit{Started: true, TimedOut: w.timedOut, Finished: time.Now(), Code: status.ExitStatus()}
	if status.Signaled() {
		exit.Code = 128 + int(status.Signal())
	}
	if w.abort != 0 {
		exit.Code, exit.Started, exit.Interrupted = 128+int(w.abort), false, w.abort
	}
	if werr := s.end(ctx.Done(), w.o.Signals.channel()); werr != nil && w.reason == nil {
		w.reason = fmt.Errorf("container %s: write output: %w", w.c.ID, werr)
	}
	return exit, w.reason
}
