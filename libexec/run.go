// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Container is what Run needs to know of a container: its name for the runtime,
// and its bundle, an absolute directory with a config.json. Run keeps its own
// small files in the bundle while the container lives:
//
//	pid           the pid, written by the runtime as soon as there is one
//	runtime.log   what the runtime has to say
//	console       the socket over which a terminal comes
//
// The pid file is what lets another program find a container whose Run was
// killed before it called OnStart.
type Container struct {
	ID     string
	Bundle string
}

func (c Container) pidFile() string { return filepath.Join(c.Bundle, "pid") }
func (c Container) logFile() string { return filepath.Join(c.Bundle, "runtime.log") }

// RunOptions are the ways to run a container. The zero value runs it on
// /dev/null, without a terminal, for as long as it likes.
type RunOptions struct {
	Stdio Stdio
	// Terminal is set when the spec's process.terminal is.
	Terminal bool
	// Signals are passed on to the container; see CatchSignals. With none, the
	// caller's signals are the caller's.
	Signals *Signals
	// StopSignal asks the container to end when ctx is cancelled; 0 is SIGTERM.
	StopSignal syscall.Signal
	// StopTimeout is the time it has before SIGKILL; 0 is DefaultStopTimeout.
	StopTimeout time.Duration
	// Timeout kills the container after that time; 0 is never.
	Timeout time.Duration
	// StartTimeout bounds the runtime's work before the container runs, and that
	// of each of its other verbs; 0 is one minute.
	StartTimeout time.Duration
	// User, when set, are the ids that the container's process must have. They
	// are read back from the kernel: a container that runs as another user is
	// killed, and Run returns ErrWrongUser.
	User *specs.User
	// Args is the container's command, by which its process is told from others
	// that may have another User.
	Args []string
	// OnStart is called once, when the container's process exists, in the
	// goroutine that called Run. Its error ends the container. It is not called
	// when the container never got that far. Process.StartTime is 0 when the
	// process was gone before it could be looked at.
	OnStart func(Process) error
}

// Exit is how a container ended.
type Exit struct {
	// Code is the container's exit status, 128+n when signal n ended it. When it
	// was never started because of a signal to us, it is 128 plus that signal.
	Code int
	// Started is false when nothing of the container's command ran.
	Started bool
	// Interrupted is the signal that made Run give up before the start, or 0.
	Interrupted syscall.Signal
	// TimedOut is set when Timeout ended it.
	TimedOut bool
	// Detached is set when the keys to detach left it alone, with Exec.
	Detached bool
	// Process is the container's first process, or that of Exec.
	Process Process
	// Finished is when Run learnt of the end.
	Finished time.Time
	// Note is what the runtime logged as an error although the container ran to
	// its end: something of it may not have been cleaned up.
	Note string
}

// Run runs a container to its end and removes it from the runtime: when Run
// returns, no process, no cgroup and no state of the container is left, whether
// it ended by itself, failed to start, was interrupted by a signal, or ctx was
// cancelled. The bundle and the root file system stay the caller's.
//
// The error is about us and the runtime, a *RuntimeError in the latter case.
// A container that ends with 1 is an Exit, and no error. When ctx ended the
// container, the error wraps the cause.
//
// Without a terminal the runtime is forked once and given the very descriptors
// of Stdio. crun hands them to the container; runc puts pipes between, and copies.
// If this process is killed, the container runs on.
//
// With a terminal this process becomes a reaper of orphans (PR_SET_CHILD_SUBREAPER,
// for the whole process, for good) and copies between Stdio and the terminal. If
// it is killed, the container's terminal hangs up.
func (r *Runtime) Run(ctx context.Context, c Container, o RunOptions) (Exit, error) {
	if err := r.ready(ctx, c, &o); err != nil {
		return Exit{}, err
	}
	if o.Terminal {
		return r.runTerminal(ctx, c, &o)
	}
	return r.runAttached(ctx, c, &o)
}

// ready fills in the options and makes the way free for another life of the
// container.
func (r *Runtime) ready(ctx context.Context, c Container, o *RunOptions) error {
	if err := checkContainer(c); err != nil {
		return err
	}
	o.setDefaults()
	if ctx.Err() != nil {
		return fmt.Errorf("container %s: %w", c.ID, context.Cause(ctx))
	}
	if err := r.makeRoot(); err != nil {
		return fmt.Errorf("container %s: state directory: %w", c.ID, err)
	}
	// .pid is where runc writes the pid before it renames the file.
	for _, stale := range []string{c.pidFile(), filepath.Join(c.Bundle, ".pid"), c.logFile()} {
		if err := os.Remove(stale); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("container %s: %w", c.ID, err)
		}
	}
	return nil
}

// DefaultStopTimeout is the time between the stop signal and SIGKILL.
const DefaultStopTimeout = 10 * time.Second

func (o *RunOptions) setDefaults() {
	if o.StopSignal == 0 {
		o.StopSignal = syscall.SIGTERM
	}
	if o.StopTimeout == 0 {
		o.StopTimeout = DefaultStopTimeout
	}
	if o.StartTimeout == 0 {
		o.StartTimeout = time.Minute
	}
}

// checkContainer keeps the state directory from being left by an id.
func checkContainer(c Container) error {
	if !filepath.IsAbs(c.Bundle) {
		return fmt.Errorf("bundle %q: not an absolute path", c.Bundle)
	}
	if c.ID == "" || len(c.ID) > 1024 || c.ID[0] == '.' || c.ID[0] == '-' {
		return fmt.Errorf("container id %q: not usable", c.ID)
	}
	for i := range len(c.ID) {
		b := c.ID[i]
		if b < '0' || b > 'z' || b > '9' && b < 'A' || b > 'Z' && b < 'a' && b != '_' {
			if b != '.' && b != '-' && b != '+' {
				return fmt.Errorf("container id %q: not usable", c.ID)
			}
		}
	}
	return nil
}
