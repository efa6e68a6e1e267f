// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libexec/monitor"
)

// MonitorOptions are the ways to start a container that outlives its command.
type MonitorOptions struct {
	// Program is the file of tug-monitor.
	Program string
	// Config is what the monitor is told. The container, the runtime and its
	// environment are filled in.
	Config monitor.Config
	// Files are the descriptors that it gets.
	Files monitor.Files
	// User and Args are as those of RunOptions.
	User *specs.User
	Args []string
}

// Monitor starts a container under a monitor of its own and returns when its
// command runs, or with the reason why it does not; then nothing of it is left.
// The monitor goes on when this process ends. ctx is looked at before the start
// alone: what has begun is bounded by Config.StartTimeout.
func (r *Runtime) Monitor(ctx context.Context, c Container, o MonitorOptions) (Process, error) {
	if err := checkContainer(c); err != nil {
		return Process{}, err
	}
	if ctx.Err() != nil {
		return Process{}, fmt.Errorf("container %s: %w", c.ID, context.Cause(ctx))
	}
	if err := r.makeRoot(); err != nil {
		return Process{}, fmt.Errorf("container %s: state directory: %w", c.ID, err)
	}
	if err := sealDescriptors(); err != nil {
		return Process{}, fmt.Errorf("container %s: %w", c.ID, err)
	}
	config := o.Config
	config.ID, config.RunDir, config.Env = c.ID, c.Bundle, r.env
	config.Runtime = append([]string{r.Path, "--root", r.root}, r.args...)
	config.StateDir = filepath.Join(r.root, c.ID)
	if config.StartTimeout == 0 {
		config.StartTimeout = time.Minute
	}
	report, err := monitor.Spawn(o.Program, config, o.Files)
	if err != nil {
		return Process{}, errors.Join(errclass.New(errclass.Internal, c.ID, err), r.Delete(ctx, c))
	}
	if f := report.Failure; f != nil {
		return Process{}, r.failed(c, f)
	}
	p := Process{Pid: report.Pid, StartTime: report.StartTime}
	if err := r.verify(c, p, o); err != nil {
		return p, err
	}
	return p, nil
}

// failed makes an error of what a monitor says.
func (r *Runtime) failed(c Container, f *monitor.Failure) error {
	if f.Verb == "" {
		return errclass.New(errclass.Internal, c.ID, fmt.Errorf("container %s: %s", c.ID, f.Message))
	}
	if f.Errno != 0 {
		return r.startError(f.Verb, c, syscall.Errno(f.Errno))
	}
	failure := &RuntimeError{Path: r.Path, Verb: f.Verb, Code: f.Code, Signal: syscall.Signal(f.Signal), Message: f.Message}
	if f.TimedOut {
		failure.Err = ErrRuntimeTimeout
	}
	return failure.classify(c.ID)
}

// verify looks whether the command runs as the user that it should. One that
// does not is killed.
func (r *Runtime) verify(c Container, p Process, o MonitorOptions) error {
	if o.User == nil || o.User.UID == 0 {
		return nil
	}
	w := &watch{r: r, c: c, o: &RunOptions{User: o.User, Args: o.Args}, process: p, stubEnd: time.Now().Add(stubLimit)}
	for ; !w.checked; time.Sleep(time.Millisecond) {
		if err := w.look(time.Now()); err != nil {
			return errors.Join(err, p.end())
		}
	}
	return nil
}

// end kills the process and waits for its end.
func (p Process) end() error {
	h, err := p.Open()
	if errIsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer h.Close()
	_ = h.Signal(syscall.SIGKILL) // gone is as good
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	return h.Wait(ctx)
}
