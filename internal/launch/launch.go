// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/tug-containers/tug/internal/life"
	"github.com/tug-containers/tug/internal/ondisk"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libexec/monitor"
	"github.com/tug-containers/tug/libexec/network"
	"github.com/tug-containers/tug/libstorage"
)

// Run makes a container and runs it to its end, or with o.Detach until it runs.
// An error is ours or the runtime's; how the container ended is in the Exit.
//
// When Run returns, nothing of an o.Remove container is left that has ended, and
// nothing of one that could not be started. Any other container keeps its
// directory, with the exit code.
func Run(ctx context.Context, store *libstorage.Store, o Options) (libexec.Exit, error) {
	l := &launcher{store: store, o: &o}
	// While our own container is made and runs. What cannot be removed now is
	// left to the next command.
	swept := make(chan error, 1)
	go func() { swept <- Sweep(context.WithoutCancel(ctx), store) }()
	var exit libexec.Exit
	var err error
	switch {
	case o.Service != nil:
		exit, err = l.runSupervised(ctx)
	case o.direct():
		exit, err = l.runDirect(ctx)
	default:
		exit, err = l.runMonitored(ctx)
	}
	if serr := <-swept; serr != nil {
		o.note("sweep: " + serr.Error())
	}
	return exit, err
}

// direct tells whether the container is a child of ours: with nothing in between
// its stdio is ours, and it needs no log, since nobody can look later. A log that
// outlives it needs a monitor, and so does what may start it again, a policy or a
// health check, and a check whose result others are to keep.
func (o *Options) direct() bool {
	checked := o.Health.restarts() || o.Health.manual() || o.Restart.Policy == monitor.RestartOnFailure
	logged := o.Log.Driver == monitor.LogJournald || o.Log.Path != ""
	return o.Remove && !o.Detach && !checked && !logged && !(o.Exec.Terminal && len(o.DetachKeys) > 0)
}

// launcher carries what the steps of Run share.
type launcher struct {
	store   *libstorage.Store
	o       *Options
	runtime *libexec.Runtime
	config  v1.ImageConfig
	// imageHealth is the image's health check, or nil.
	imageHealth *HealthCheck
	container   *libstorage.Container
	spec        *specs.Spec
	// networks is what networkConfig has read.
	networks *network.Config
	// set has the networks that the container has joined; nil for none of them.
	set     *network.Set
	joined  []network.Joined
	cidFile bool // we have written it
	// waiting are containers that wait for this one, itself included.
	waiting []string
}

func (o *Options) note(message string) {
	if o.Exec.Debug != nil {
		o.Exec.Debug(message)
	}
}

func (l *launcher) runDirect(ctx context.Context) (exit libexec.Exit, err error) {
	if err := l.create(ctx, libstorage.ContainerOptions{Ephemeral: true}); err != nil {
		return exit, err
	}
	// From here on there is something to undo, whatever ends us.
	defer func() {
		err = errors.Join(err, l.discard(context.WithoutCancel(ctx), err != nil || !exit.Started))
	}()
	if err := l.require(ctx); err != nil {
		return exit, err
	}
	if err := l.prepare(ctx); err != nil {
		return exit, err
	}
	return l.attached(ctx)
}

func (l *launcher) runMonitored(ctx context.Context) (exit libexec.Exit, err error) {
	if err := l.create(ctx, libstorage.ContainerOptions{Ephemeral: l.o.Remove, Starting: true}); err != nil {
		return exit, err
	}
	info := l.info()
	var a *attachment
	if !l.o.Detach {
		a = &attachment{stdio: l.o.Stdio, signals: l.o.Signals, keys: l.o.DetachKeys}
	}
	conn, err := l.start(ctx, a)
	var early interrupted
	if errors.As(err, &early) {
		exit, err = interruptedBy(early), nil
	}
	if err != nil || early != 0 {
		return exit, errors.Join(err, l.abandon(ctx), l.discard(context.WithoutCancel(ctx), true))
	}
	if l.o.OnStart != nil {
		l.o.OnStart(info.Record.ID)
	}
	if a == nil {
		return libexec.Exit{Started: true}, nil
	}
	if a.signals != nil {
		ctx = context.WithoutCancel(ctx)
	}
	return follow(ctx, conn, &info, a, l.o.Exec.Terminal)
}

// interrupted is a signal that came before the start.
type interrupted syscall.Signal

func interruptedBy(sig interrupted) libexec.Exit {
	return libexec.Exit{Code: 128 + int(sig), Interrupted: syscall.Signal(sig)}
}

func (i interrupted) Error() string { return "ended by signal: " + syscall.Signal(i).String() }

// prepare makes the root file system and the bundle.
func (l *launcher) prepare(ctx context.Context) error {
	c, o := l.container, l.o
	l.tellIDs()
	// While the root file system is mounted. What it has made is undone by whoever
	// undoes the rest.
	connected := make(chan error, 1)
	go func() { connected <- l.network(ctx) }()
	path, err := c.Rootfs().Mount(ctx)
	if err = errors.Join(err, <-connected); err != nil {
		return err
	}
	o.Exec.ID, o.Exec.Name, o.Exec.RunDir = c.ID(), c.Name(), c.RunDir()
	if o.Exec.Terminal {
		if size := libexec.TerminalSize(o.Stdio.In, o.Stdio.Out); size != nil {
			o.Exec.ConsoleWidth, o.Exec.ConsoleHeight = size.Width, size.Height
		}
	}
	if err := l.share(ctx); err != nil {
		return err
	}
	if err := l.volumes(ctx, path); err != nil {
		return err
	}
	e := o.Exec
	e.Env = slices.Concat(e.Env, o.SocketEnv)
	if l.spec, err = libexec.NewSpec(path, &l.config, e); err != nil {
		return err
	}
	if err := l.sysctls(); err != nil {
		return err
	}
	if err := l.nest(ctx, path); err != nil {
		return err
	}
	l.runtime.UseCompiledFilter(ctx, l.spec, &o.Exec)
	data, err := libexec.EncodeSpec(l.spec)
	if err != nil {
		return fmt.Errorf("container %s: write config.json: %w", c.ID(), err)
	}
	if err := os.WriteFile(filepath.Join(c.RunDir(), "config.json"), data, 0o600); err != nil {
		return fmt.Errorf("container %s: %w", c.ID(), err)
	}
	if err := l.introduce(ctx); err != nil {
		return err
	}
	if err := libexec.Supervise(&o.Exec); err != nil {
		return err
	}
	return c.Ready(ctx)
}

// attached runs the bundle with the caller's own descriptors, and again as often
// as somebody restarts the container.
func (l *launcher) attached(ctx context.Context) (libexec.Exit, error) {
	if l.o.Signals != nil {
		ctx = context.WithoutCancel(ctx)
	}
	var wish *life.Wish
	for {
		exit, err := l.once(ctx, wish)
		if err != nil || !exit.Started {
			return exit, err
		}
		if wish = life.TakeWish(l.container.RunDir()); wish == nil {
			return exit, nil
		}
		if _, err := os.Lstat(filepath.Join(l.container.RunDir(), monitor.StopFile)); err == nil {
			wish.Answered("somebody has stopped it")
			return exit, nil
		}
	}
}

// once is one life of the container, which fulfils the wish for it.
func (l *launcher) once(ctx context.Context, wish *life.Wish) (libexec.Exit, error) {
	watched, stop := context.WithCancel(context.WithoutCancel(ctx))
	var health sync.WaitGroup
	run := libexec.RunOptions{
		Stdio: l.o.Stdio, Terminal: l.o.Exec.Terminal, Signals: l.o.Signals,
		StopSignal: l.o.StopSignal, StopTimeout: l.o.StopTimeout, Timeout: l.o.Timeout,
		User: libexec.HostUser(l.spec), Args: l.spec.Process.Args,
		OnStart: func(p libexec.Process) error {
			err := l.started(p)
			if err == nil {
				wish.Answered("")
				wish = nil
			}
			if info := l.info(); err == nil && !l.o.Health.None() {
				health.Go(func() { l.watchHealth(watched, &info) })
			}
			return err
		},
	}
	exit, err := l.runtime.Run(ctx, l.bundle(), run)
	stop()
	health.Wait()
	l.container.RefreshName()
	if err != nil {
		wish.Answered(err.Error())
	} else {
		wish.Answered("")
	}
	if exit.Started {
		info := l.info()
		NoteEnd(l.store, &info, &exit.Code)
	}
	return exit, err
}

func (l *launcher) bundle() libexec.Container {
	return libexec.Container{ID: l.container.ID(), Bundle: l.container.RunDir()}
}

// started notes the container's process, so that it can be found if we are
// killed.
func (l *launcher) started(p libexec.Process) error {
	err := l.container.Update(func(r *libstorage.Record) {
		_ = r.Started(p.Pid) // one that is gone already needs no finding
	})
	if err == nil && l.o.PIDFile != "" {
		err = ondisk.ReplaceShared(l.o.PIDFile, fmt.Append(nil, p.Pid), 0o644)
	}
	info := l.info()
	Note(l.store, &info, "start")
	return err
}

// abandon ends what a start that failed may have begun: its monitor may have been
// killed, and the runtime goes on without it.
func (l *launcher) abandon(ctx context.Context) error {
	if l.spec != nil { // there is a bundle
		if err := l.runtime.Delete(context.WithoutCancel(ctx), l.bundle()); err != nil {
			return err
		}
	}
	return l.leaveNetworks(ctx)
}

// discard removes a container of ours, and the file with its ID if it has not
// run.
func (l *launcher) discard(ctx context.Context, failed bool) error {
	info := l.info()
	var err error
	if info.Record.State() != libstorage.Running {
		err = l.leaveNetworks(ctx)
	}
	err = errors.Join(err, l.container.Remove(ctx))
	if err == nil {
		Note(l.store, &info, "remove")
	}
	for _, note := range l.container.Notes() {
		l.o.note(note.Error())
	}
	if l.cidFile && failed {
		_ = os.Remove(l.o.CIDFile)
	}
	return err
}
