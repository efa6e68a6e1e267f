// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/tug-containers/tug/internal/events"
	"github.com/tug-containers/tug/internal/life"
	"github.com/tug-containers/tug/internal/ondisk"
	"github.com/tug-containers/tug/internal/userns"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libexec/monitor"
	"github.com/tug-containers/tug/libstorage"
)

// Programs are files of ours that a container needs beside its runtime.
type Programs struct {
	// Monitor is tug-monitor. Cleanup is the command line of tug-cleanup, to which
	// the container's ID is added.
	Monitor string
	Cleanup []string
	// Watcher is the command line of tug-healthcheck for a container that is a
	// service, to which the container's ID is added.
	Watcher []string
	// Resolver is tug-dns, for networks on which names are resolved.
	Resolver string
}

// FindPrograms finds them; globals are the options that say which store it is.
func FindPrograms(globals []string) Programs {
	cleanup := append([]string{Sibling("cleanup")}, globals...)
	watcher := append([]string{Sibling("healthcheck"), "watch"}, globals...)
	return Programs{Monitor: Sibling("monitor"), Cleanup: append(cleanup, "--"), Watcher: append(watcher, "--"), Resolver: Sibling("dns")}
}

// The log of a container, unless something else is asked for.
const (
	logName     = "ctr.log"
	logMaxSize  = 64 << 20
	logMaxFiles = 2
)

// LogPath is the file of the container's log.
func LogPath(c *libstorage.ContainerInfo, config *Config) string {
	if config.Log.Path != "" {
		return config.Log.Path
	}
	return filepath.Join(c.Dir, logName)
}

// attachment is how the caller takes part in a container's life.
type attachment struct {
	stdio   libexec.Stdio
	signals *libexec.Signals // nil: not passed on
	keys    []byte
}

// start starts the container under a monitor of its own. The container's lock
// is free when it returns without an error. With an attachment it gives the
// connection, from which no output is lost.
func (l *launcher) start(ctx context.Context, a *attachment) (*monitor.Conn, error) {
	c := l.container
	for _, name := range []string{monitor.StopFile, monitor.RestartFile} {
		if err := os.Remove(filepath.Join(c.RunDir(), name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("container %s: %w", c.ID(), err)
		}
	}
	if err := l.require(ctx); err != nil {
		return nil, err
	}
	if err := l.prepare(ctx); err != nil {
		return nil, err
	}
	if sig := l.o.Signals.Pending(); sig != 0 {
		return nil, interrupted(sig)
	}
	config, err := l.monitorConfig()
	if err != nil {
		return nil, err
	}
	files := monitor.Files{Extra: l.o.Stdio.Extra}
	var own *monitor.Conn
	if a != nil {
		files.Extra = a.stdio.Extra
		if l.o.Log.Driver == monitor.LogPassthrough {
			files.In, files.Out, files.Err = a.stdio.In, a.stdio.Out, a.stdio.Err
		}
		if own, files.Connection, err = monitor.Pair(); err != nil {
			return nil, err
		}
		defer files.Connection.Close()
		config.StdinOnce = true
	}
	p, err := l.runtime.Monitor(ctx, l.bundle(), libexec.MonitorOptions{
		Program: l.o.Programs.Monitor, Config: config, Files: files,
		User: libexec.HostUser(l.spec), Args: l.spec.Process.Args,
	})
	if err == nil && l.o.PIDFile != "" {
		err = ondisk.ReplaceShared(l.o.PIDFile, fmt.Append(nil, p.Pid), 0o644)
	}
	if err == nil {
		err = c.Close()
	}
	if err != nil {
		// Its policy could start it again, and its clean-up waits for our lock: who
		// started it ends it.
		if info, ierr := l.store.Container(ctx, c.ID()); ierr == nil && p.Pid != 0 {
			killMonitor(context.WithoutCancel(ctx), &info)
		}
		if own != nil {
			own.Close()
		}
		return nil, err
	}
	return own, nil
}

func (l *launcher) monitorConfig() (monitor.Config, error) {
	c, o := l.container, l.o
	r := c.Record()
	config := monitor.Config{
		Name: c.Name(), Image: r.ImageName, Dir: c.Dir(), Starts: r.Starts,
		Namespace: userns.File(l.store.Root()), Terminal: o.Exec.Terminal, Stdin: o.Interactive,
		Log: o.Log, Restart: o.Restart, Events: events.Path(l.store.Root()),
		Cleanup:    append(o.Programs.Cleanup[:len(o.Programs.Cleanup):len(o.Programs.Cleanup)], c.ID()),
		Remove:     o.Remove,
		StopSignal: int(o.StopSignal), StopTimeout: o.StopTimeout, Timeout: o.Timeout,
	}
	log := &config.Log
	switch log.Driver {
	case "":
		log.Driver = monitor.LogFile
		fallthrough
	case monitor.LogFile:
		if log.Path == "" {
			log.Path = filepath.Join(c.Dir(), logName)
		}
		if log.MaxSize == 0 {
			log.MaxSize = logMaxSize
		}
		if log.MaxFiles == 0 {
			log.MaxFiles = logMaxFiles
		}
	}
	var err error
	config.Health, err = l.health()
	return config, err
}

// follow stays with a container until it ends, or is left.
func follow(ctx context.Context, conn *monitor.Conn, c *libstorage.ContainerInfo, a *attachment, terminal bool) (libexec.Exit, error) {
	f, err := libexec.Follow(ctx, conn, libexec.FollowOptions{
		Stdio: a.stdio, Terminal: terminal, DetachKeys: a.keys,
		Signals: a.signals, Signal: func(sig syscall.Signal) { pass(c.Dir, sig) },
	})
	exit := libexec.Exit{Started: true, Detached: f.Detached}
	switch {
	case err != nil || f.Detached:
		return exit, err
	case f.Code == nil:
		// We were cut off, for reading slowly; the record may have it.
		if seen, rerr := life.ReadExit(c.Dir); rerr == nil && seen.Starts == c.Record.Starts && seen.Code != nil {
			exit.Code = *seen.Code
			return exit, nil
		}
		return exit, fmt.Errorf("container %s: %w: its monitor is gone", c.Record.ID, ErrExitUnknown)
	}
	exit.Code = *f.Code
	return exit, nil
}

// pass gives a signal to the process that the container has now.
func pass(dir string, sig syscall.Signal) {
	live, err := life.ReadLive(dir)
	if err != nil {
		return
	}
	h, err := libexec.Process{Pid: live.Pid, StartTime: live.StartTime}.Open()
	if err != nil {
		return
	}
	defer h.Close()
	_ = h.Signal(sig) // gone is as good
}

// ErrExitUnknown says that nobody saw how the container ended.
var ErrExitUnknown = errors.New("its exit code is not known")
