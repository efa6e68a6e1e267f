// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/tug-containers/tug/internal/proc"
)

// Start starts a container and leaves it: the runtime is called with `create` and
// `start`, and nobody of ours stays. The container's first process has the very
// descriptors of o.Stdio. When this process ends, its parent becomes who adopts
// orphans here: the service manager, when this is a service.
//
// When the Exit is Started, the command runs, and Exit.Process is its. Otherwise
// nothing of the container is left. Signals and ctx count until then. Timeout and
// StopTimeout say nothing here, and a Terminal is refused.
func (r *Runtime) Start(ctx context.Context, c Container, o RunOptions) (Exit, error) {
	if o.Terminal {
		return Exit{}, fmt.Errorf("container %s: a terminal needs somebody who holds it", c.ID)
	}
	if err := r.ready(ctx, c, &o); err != nil {
		return Exit{}, err
	}
	if sig := o.Signals.Pending(); sig != 0 {
		return interrupted(sig), nil
	}
	w := &watch{r: r, c: c, o: &o}
	err := errors.Join(w.begin(ctx), w.reason)
	if err == nil && w.abort == 0 {
		return Exit{Started: true, Process: w.process}, nil
	}
	exit := Exit{Process: w.process}
	if w.abort != 0 {
		exit, err = interrupted(w.abort), nil
	}
	return exit, errors.Join(err, w.cleanUp(true))
}

// begin creates and starts.
func (w *watch) begin(ctx context.Context) error {
	args := []string{"--log", w.c.logFile(), "--log-format", "json", "create", "--bundle", w.c.Bundle, "--pid-file", w.c.pidFile()}
	if n := len(w.o.Stdio.Extra); n > 0 {
		args = append(args, "--preserve-fds", strconv.Itoa(n))
	}
	status, err := w.attach(ctx, "create", append(args, w.c.ID))
	if err != nil || w.step != leave {
		return err
	}
	if status.Signaled() || status.ExitStatus() != 0 {
		failure := &RuntimeError{Path: w.r.Path, Verb: "create", Message: lastError(w.c.logFile())}
		failure.Printed = failure.Message != ""
		if status.Signaled() {
			failure.Signal = status.Signal()
		} else {
			failure.Code = status.ExitStatus()
		}
		return failure.classify(w.c.ID)
	}
	if w.process.Pid == 0 {
		pid := proc.PidFile(w.c.pidFile())
		if pid == 0 {
			return (&RuntimeError{Path: w.r.Path, Verb: "create"}).classify(w.c.ID)
		}
		if err := w.learn(pid, time.Now()); err != nil {
			return err
		}
	}
	err = w.runVerb("start", func(ended <-chan struct{}) {
		w.until(ctx, "start", ended, w.o.StartTimeout, true)
	}, "--log", w.c.logFile(), "--log-format", "json", "start", w.c.ID)
	if err != nil {
		return err
	}
	for ; !w.checked && w.step == leave; time.Sleep(time.Millisecond) {
		if err := w.look(time.Now()); err != nil {
			return err
		}
	}
	return nil
}
