// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
	"github.com/tug-containers/tug/internal/rootdir"
)

// ExecOptions are the ways to run a further process in a container. The zero
// value, with Process.Args and Init, runs it on /dev/null to its end.
type ExecOptions struct {
	Process ExecProcess
	// Init is the container's first process: the container as it is seen
	// through it, and no other, is the one that is entered.
	Init  Process
	Stdio Stdio
	// Session names the directory of the bundle that Exec keeps its files in; see
	// Container.SessionDir. Empty: it has a name of its own.
	Session string
	// Detach returns as soon as the process runs. Its stdio is /dev/null, or
	// with Process.Terminal a terminal that Hold keeps.
	Detach bool
	// DetachKeys, typed on a terminal, leave the process alone.
	DetachKeys []byte
	// Hold gets a process that we leave alone, and its terminal if it has one: it
	// takes care that somebody has that open and reads from it. Without, the
	// process gets SIGHUP then. With Detach the process is a child of ours, and
	// Hold the one who waits for it.
	Hold func(p Process, terminal *os.File) error
	// Signals are passed on to the process; see CatchSignals.
	Signals *Signals
	// StopTimeout is the time between SIGTERM and SIGKILL when ctx ends the
	// process; 0 is DefaultStopTimeout. Timeout kills it; 0 is never.
	StopTimeout, Timeout time.Duration
	// StartTimeout bounds the runtime's work before the process runs; 0 is one
	// minute.
	StartTimeout time.Duration
	// OnStart is as in RunOptions.
	OnStart func(Process) error

	linux *specs.Linux // the container's mappings
}

// Exec runs a further process in a running container, with the descriptors of
// Stdio themselves where the runtime hands them on, as Run does. Its error is
// ErrNotRunning when the container does not run, or is paused. What the Exit and
// other errors mean is as with Run; nothing is left of a process that could not
// be started.
//
// User, working directory and command are looked up in the container as it is
// now, by descriptor. The runtime gets the user as numbers, and the kernel is
// asked whether the process has them.
//
// Exec keeps its files in a directory of the bundle until it returns; after the
// keys to detach, one of a Session is left to Hold. When this process is killed,
// the one in the container lives on while it has no terminal; nobody then learns
// its exit code, and the files go with the bundle.
func (r *Runtime) Exec(ctx context.Context, c Container, o ExecOptions) (Exit, error) {
	if err := checkContainer(c); err != nil {
		return Exit{}, err
	}
	if ctx.Err() != nil {
		return Exit{}, fmt.Errorf("container %s: %w", c.ID, context.Cause(ctx))
	}
	p, err := o.prepare(c)
	if err != nil {
		return Exit{}, err
	}
	if sig := o.Signals.Pending(); sig != 0 {
		return interrupted(sig), nil
	}
	dir, err := o.makeDir(c)
	if err != nil {
		return Exit{}, fmt.Errorf("container %s: %w", c.ID, err)
	}
	exit, err := r.exec(ctx, Container{ID: c.ID, Bundle: dir}, &o, p)
	if exit.Detached && o.Session != "" && o.Hold != nil && err == nil {
		return exit, nil
	}
	if rerr := os.RemoveAll(dir); rerr != nil {
		err = errors.Join(err, fmt.Errorf("container %s: %w", c.ID, rerr))
	}
	return exit, err
}

// SessionDir is where Exec keeps the files of a session.
func (c Container) SessionDir(session string) string {
	return filepath.Join(c.Bundle, sessionPrefix+session)
}

const sessionPrefix = "exec-"

func (o *ExecOptions) makeDir(c Container) (string, error) {
	if o.Session == "" {
		return os.MkdirTemp(c.Bundle, sessionPrefix)
	}
	dir := c.SessionDir(o.Session)
	return dir, os.Mkdir(dir, 0o700)
}

// prepare finds out all that can be found out before anything is started.
func (o *ExecOptions) prepare(c Container) (*specs.Process, error) {
	notRunning := errclass.New(errclass.Conflict, c.ID, ErrNotRunning)
	root, err := rootdir.Open("/proc/" + strconv.Itoa(o.Init.Pid) + "/root")
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			return nil, notRunning
		}
		return nil, fmt.Errorf("container %s: %w", c.ID, err)
	}
	defer root.Close()
	paused, err := Paused(o.Init.Pid)
	// After the descriptor is had: a pid that is another's by now is seen here.
	if !o.Init.Alive() || o.Init.StartTime == 0 || paused {
		return nil, notRunning
	}
	if err != nil {
		return nil, fmt.Errorf("container %s: %w", c.ID, err)
	}
	first, linux, err := firstProcess(c)
	if err != nil {
		return nil, err
	}
	o.linux = linux
	p, err := newExecProcess(first, root, &o.Process)
	if err != nil {
		return nil, err
	}
	return p, execPreflight(root, p)
}

// firstProcess reads the container's own process from its config.json.
func firstProcess(c Container) (*specs.Process, *specs.Linux, error) {
	data, err := ondisk.ReadHost(filepath.Join(c.Bundle, "config.json"), 16<<20)
	if err != nil {
		return nil, nil, fmt.Errorf("container %s: %w", c.ID, err)
	}
	var spec struct {
		Process *specs.Process `json:"process"`
		Linux   struct {
			UIDMappings []specs.LinuxIDMapping `json:"uidMappings"`
			GIDMappings []specs.LinuxIDMapping `json:"gidMappings"`
		} `json:"linux"`
	}
	if err := json.Unmarshal(data, &spec); err != nil {
		return nil, nil, fmt.Errorf("container %s: config.json: %w", c.ID, err)
	}
	if spec.Process == nil {
		return nil, nil, fmt.Errorf("container %s: config.json: no process", c.ID)
	}
	return spec.Process, &specs.Linux{UIDMappings: spec.Linux.UIDMappings, GIDMappings: spec.Linux.GIDMappings}, nil
}

// exec runs p; what watch keeps in a bundle, it keeps in s.Bundle.
func (r *Runtime) exec(ctx context.Context, s Container, o *ExecOptions, p *specs.Process) (Exit, error) {
	data, err := json.Marshal(p)
	if err != nil {
		return Exit{}, fmt.Errorf("internal error: container %s: process: %w", s.ID, err)
	}
	file := filepath.Join(s.Bundle, "process.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return Exit{}, fmt.Errorf("container %s: %w", s.ID, err)
	}
	run := &RunOptions{
		Stdio: o.Stdio, Terminal: p.Terminal, Signals: o.Signals,
		StopTimeout: o.StopTimeout, Timeout: o.Timeout, StartTimeout: o.StartTimeout,
		User: hostUser(p.User, o.linux), Args: p.Args, OnStart: o.OnStart,
	}
	if o.Detach {
		run.Stdio = Stdio{Extra: o.Stdio.Extra}
	}
	run.setDefaults()
	args := []string{
		"--log", s.logFile(), "--log-format", "json",
		"exec", "--process", file, "--pid-file", s.pidFile(),
	}
	if n := len(run.Stdio.Extra); n > 0 {
		args = append(args, "--preserve-fds", strconv.Itoa(n))
	}
	w := &watch{r: r, c: s, o: run}
	switch {
	case p.Terminal:
		return w.execTerminal(ctx, o, args)
	case o.Detach:
		return w.execDetached(ctx, o, append(args, "--detach", s.ID))
	}
	status, err := w.attach(ctx, "exec", append(args, s.ID))
	if err != nil {
		return Exit{}, err
	}
	exit, failed, err := w.settle("exec", status)
	if failed {
		w.send(syscall.SIGKILL) // of what the runtime gave up, nothing stays
	}
	return exit, err
}

// execDetached lets the runtime start the process and leave it.
func (w *watch) execDetached(ctx context.Context, o *ExecOptions, args []string) (Exit, error) {
	if o.Hold != nil {
		if err := becomeReaper(); err != nil {
			return Exit{}, fmt.Errorf("container %s: %w", w.c.ID, err)
		}
	}
	status, err := w.attach(ctx, "exec", args)
	if err != nil {
		return Exit{}, err
	}
	exit, failed, err := w.settle("exec", status)
	if failed || err != nil || !exit.Started || exit.Code != 0 {
		w.send(syscall.SIGKILL)
		if err == nil && exit.Interrupted == 0 {
			err = (&RuntimeError{Path: w.r.Path, Verb: "exec", Code: exit.Code, Message: exit.Note}).classify(w.c.ID)
		}
		return exit, err
	}
	return exit, w.leaveAlone(o, nil)
}

// leaveAlone leaves a detached process to whoever holds it, when it is certain
// that it runs. One that nobody wants to hold is killed.
func (w *watch) leaveAlone(o *ExecOptions, terminal *os.File) error {
	err := w.certain()
	if err == nil && o.Hold != nil {
		err = o.Hold(w.process, terminal)
	} else {
		w.abandon()
	}
	if err != nil {
		w.send(syscall.SIGKILL)
	}
	return err
}

// certain waits until it is known that the process runs the command, as the
// user that it should be. A process that does not is killed.
func (w *watch) certain() error {
	for !w.settled || !w.checked {
		if err := w.look(time.Now()); err != nil {
			w.send(syscall.SIGKILL)
			return err
		}
		time.Sleep(tickFirst / 4)
	}
	return nil
}

// abandon sees to it that a process which is left alone does not stay a zombie
// when it has become our child: its container could not end.
func (w *watch) abandon() {
	if w.init != nil {
		go func() { _, _ = w.init.Wait() }()
	}
}
