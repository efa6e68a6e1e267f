// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/tug-containers/tug/internal/proc"
)

// runAttached forks the runtime once: `run` creates the container, starts it,
// stays its parent, deletes it and exits with its code.
func (r *Runtime) runAttached(ctx context.Context, c Container, o *RunOptions) (Exit, error) {
	if sig := o.Signals.Pending(); sig != 0 {
		return interrupted(sig), nil
	}
	args := []string{"--log", c.logFile(), "--log-format", "json", "run", "--bundle", c.Bundle, "--pid-file", c.pidFile()}
	if n := len(o.Stdio.Extra); n > 0 {
		args = append(args, "--preserve-fds", strconv.Itoa(n))
	}
	w := &watch{r: r, c: c, o: o}
	status, err := w.attach(ctx, "run", append(args, c.ID))
	if err != nil {
		return Exit{}, err
	}
	exit, failed, err := w.settle("run", status)
	return exit, errors.Join(err, w.cleanUp(failed))
}

// attach runs a verb of the runtime with the descriptors of Stdio, to its end.
func (w *watch) attach(ctx context.Context, verb string, args []string) (syscall.WaitStatus, error) {
	stdio := &w.o.Stdio
	cmd := w.r.command(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = fileReader(stdio.In), fileWriter(stdio.Out), fileWriter(stdio.Err)
	cmd.ExtraFiles = stdio.Extra
	if IsTerminal(stdio.In) || IsTerminal(stdio.Out) || IsTerminal(stdio.Err) {
		// runc copies between these and pipes, and the terminal stops a background
		// job that reads from it; in another session it cannot. Not always, since a
		// new session costs a millisecond where the kernel groups by session.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	}
	if err := start(cmd); err != nil {
		return 0, w.r.startError(verb, w.c, err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // what it says is in ProcessState
		close(ended)
	}()
	w.runtime = cmd.Process
	w.until(ctx, verb, ended, w.o.StartTimeout, false)
	w.runtime = nil
	return cmd.ProcessState.Sys().(syscall.WaitStatus), nil
}

// settle turns the end of `run` or `exec` into the end of the process. failed is
// set when the runtime may have left something.
func (w *watch) settle(verb string, status syscall.WaitStatus) (exit Exit, failed bool, err error) {
	now := time.Now()
	if w.process.Pid == 0 {
		// It was over before we looked.
		if pid := proc.PidFile(w.c.pidFile()); pid != 0 {
			if err := w.learn(pid, now); err != nil {
				w.end(err, kill)
			}
		}
	}
	exit = Exit{Process: w.process, Finished: now, TimedOut: w.timedOut}
	note := lastError(w.c.logFile())
	code := status.ExitStatus()
	var failure *RuntimeError
	switch {
	case w.abort != 0:
		exit.Code, exit.Interrupted = 128+int(w.abort), w.abort
	case w.reason != nil:
		exit.Code, exit.Started = code, w.process.Pid != 0
	case status.Signaled():
		failure = &RuntimeError{Signal: status.Signal(), Message: note, Printed: note != ""}
	case w.process.Pid == 0:
		failure = &RuntimeError{Code: code, Message: note, Printed: note != ""}
	case note != "" && code != 0 && !w.seen:
		// It got as far as a process, but nobody saw that become the command.
		failure = &RuntimeError{Code: code, Message: note, Printed: true}
	default:
		exit.Code, exit.Started, exit.Note = code, true, note
	}
	err = w.reason
	if failure != nil {
		failure.Path, failure.Verb = w.r.Path, verb
		err = failure.classify(w.c.ID)
	}
	return exit, failure != nil || status.Signaled(), err
}

func interrupted(sig syscall.Signal) Exit {
	return Exit{Code: 128 + int(sig), Interrupted: sig, Finished: time.Now()}
}

func (r *Runtime) startError(verb string, c Container, err error) error {
	switch {
	case errors.Is(err, os.ErrNotExist):
		err = fmt.Errorf("%w: %w", ErrRuntimeNotFound, err)
	case errors.Is(err, os.ErrPermission), errors.Is(err, syscall.ENOEXEC):
		err = fmt.Errorf("%w: %w", ErrRuntimeNotExecutable, err)
	}
	return (&RuntimeError{Path: r.Path, Verb: verb, Err: err}).classify(c.ID)
}
