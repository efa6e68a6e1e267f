// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"

	"github.com/tug-containers/tug/internal/proc"
)

// runTerminal creates the container, takes its terminal, becomes the parent of
// its process, starts it, and deletes it.
func (r *Runtime) runTerminal(ctx context.Context, c Container, o *RunOptions) (exit Exit, err error) {
	if sig := o.Signals.Pending(); sig != 0 {
		return interrupted(sig), nil
	}
	if err := becomeReaper(); err != nil {
		return Exit{}, fmt.Errorf("container %s: %w", c.ID, err)
	}
	socket, err := listenConsole(c.Bundle)
	if err != nil {
		return Exit{}, fmt.Errorf("container %s: console socket: %w", c.ID, err)
	}
	defer socket.Close()

	w := &watch{r: r, c: c, o: o}
	defer func() {
		exit.Process = w.process
		if w.known() {
			err = errors.Join(err, w.delete(context.Background()))
		}
	}()

	args := []string{
		"--log", c.logFile(), "--log-format", "json",
		"create", "--bundle", c.Bundle, "--pid-file", c.pidFile(), "--console-socket", socket.path,
	}
	if n := len(o.Stdio.Extra); n > 0 {
		args = append(args, "--preserve-fds", strconv.Itoa(n))
	}
	err = w.runVerb("create", func(ended <-chan struct{}) {
		w.until(ctx, "create", ended, o.StartTimeout, true)
	}, append(args, c.ID)...)
	if w.process.Pid == 0 {
		if pid := proc.PidFile(c.pidFile()); pid != 0 {
			if lerr := w.learn(pid, time.Now()); lerr != nil {
				w.end(lerr, kill)
			}
		}
	}
	init := w.reap()
	if err != nil || w.step != leave {
		return w.notStarted(err)
	}
	if init == nil {
		return w.notStarted((&RuntimeError{Path: r.Path, Verb: "create"}).classify(c.ID))
	}
	master, err := socket.receive()
	if err != nil {
		w.to(kill)
		return w.notStarted((&RuntimeError{Path: r.Path, Verb: "create", Err: err}).classify(c.ID))
	}
	s, err := openSession(o.Stdio, master)
	if err != nil {
		master.Close()
		w.to(kill)
		return w.notStarted(fmt.Errorf("container %s: terminal: %w", c.ID, err))
	}
	defer s.close()
	w.resize = s.resize
	o.Signals.catchRest()
	if err := s.begin(); err != nil {
		w.to(kill)
		return w.notStarted(fmt.Errorf("container %s: %w", c.ID, err))
	}
	return w.interact(ctx, s, init)
}

// interact is the life of the container from start to end.
func (w *watch) interact(ctx context.Context, s *session, init <-chan syscall.WaitStatus) (Exit, error) {
	err := w.runVerb("start", func(ended <-chan struct{}) {
		w.until(ctx, "start", ended, w.o.StartTimeout, true)
	}, "--log", w.c.logFile(), "--log-format", "json", "start", w.c.ID)
	if err != nil || w.abort != 0 {
		w.to(kill)
		_ = s.end(ctx.Done(), w.o.Signals.channel())
		return w.notStarted(err)
	}
	ended := make(chan struct{})
	var status syscall.WaitStatus
	go func() {
		status = <-init
		close(ended)
	}()
	w.until(ctx, "start", ended, 0, false)
	exit := Exit{Started: true, TimedOut: w.timedOut, Finished: time.Now(), Code: status.ExitStatus()}
	if status.Signaled() {
		exit.Code = 128 + int(status.Signal())
	}
	if w.abort != 0 {
		exit.Code, exit.Started, exit.Interrupted = 128+int(w.abort), false, w.abort
	}
	// The terminal ends with the last process that has it open, which without a
	// pid namespace need not be the first one: deleting ends them all.
	w.reason = errors.Join(w.reason, w.delete(context.Background()))
	if werr := s.end(ctx.Done(), w.o.Signals.channel()); werr != nil && w.reason == nil {
		w.reason = fmt.Errorf("container %s: write output: %w", w.c.ID, werr)
	}
	return exit, w.reason
}

// notStarted is the end of a container whose command never ran.
func (w *watch) notStarted(err error) (Exit, error) {
	if w.abort != 0 {
		return interrupted(w.abort), nil
	}
	if w.reason != nil {
		return Exit{}, w.reason
	}
	return Exit{}, err
}

// reap waits for the container's process, which became ours when the runtime
// exited. It gives nil when there is none.
func (w *watch) reap() <-chan syscall.WaitStatus {
	if w.init == nil {
		return nil
	}
	ended := make(chan syscall.WaitStatus, 1)
	go func() {
		state, err := w.init.Wait()
		var status syscall.WaitStatus
		if err == nil {
			status = state.Sys().(syscall.WaitStatus)
		} else {
			status = syscall.WaitStatus(255 << 8) // not ours: nobody can know
		}
		ended <- status
	}()
	return ended
}
