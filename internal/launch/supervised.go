// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/sdnotify"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

// The ways to tell the service manager that the container is ready; see
// Service.Notify.
const (
	NotifyConmon    = "conmon"
	NotifyContainer = "container"
	NotifyHealthy   = "healthy"
	NotifyIgnore    = "ignore"
)

// Service is the service that a container is the main process of. There is nobody
// of ours beside it: the service manager is its parent, and its output is where the
// command's own went.
type Service struct {
	// Unit is its name, and User is set when a user's manager has it.
	Unit string `json:"unit,omitzero"`
	User bool   `json:"user,omitzero"`
	// Invocation is the manager's name for this run of it, INVOCATION_ID.
	Invocation string `json:"invocation,omitzero"`
	// Socket is the manager's, NOTIFY_SOCKET; empty for a service that is not of
	// Type=notify.
	Socket string `json:"-"`
	// Credentials is the directory of LoadCredential= and its kind,
	// CREDENTIALS_DIRECTORY: it has the same name in the container. Watchdog is
	// WATCHDOG_USEC, for a container that tells the manager itself how it is.
	Credentials string `json:"-"`
	Watchdog    string `json:"-"`
	// Notify says who tells the manager that the container is ready. NotifyConmon:
	// we, when it was started. NotifyContainer: itself; the socket is in the
	// container. NotifyHealthy: who runs the health check, when it has succeeded.
	// NotifyIgnore: nobody, and it gets no main process either.
	Notify string `json:"notify,omitzero"`
	// Watched: a health check was asked for. A process of ours stays in the unit's
	// cgroup to run it.
	Watched bool `json:"watched,omitzero"`
}

const (
	// readySocket is where a container that tells it itself finds the socket.
	readySocket = "/run/notify/notify.sock"
	// The time-out of the start is put off while we prepare: a pull may be slow.
	extendEvery = 10 * time.Second
	extendBy    = 60 * time.Second
	// barrierLimit is how long the manager has to read what we told it.
	barrierLimit = 5 * time.Second
)

// runSupervised runs a container as the main process of the service that we are
// now.
func (l *launcher) runSupervised(ctx context.Context) (exit libexec.Exit, err error) {
	s := l.o.Service
	stop := s.extend(ctx)
	defer stop()
	if err := l.create(ctx, libstorage.ContainerOptions{Ephemeral: l.o.Remove}); err != nil {
		return exit, err
	}
	info := l.info()
	defer func() {
		if err != nil || !exit.Started {
			err = errors.Join(err, l.discard(context.WithoutCancel(ctx), true))
		}
	}()
	if err := l.require(ctx); err != nil {
		return exit, err
	}
	if s.Socket != "" && s.Notify == NotifyContainer {
		if s.Socket[0] != '/' {
			return exit, errclass.New(errclass.Unsupported, sdnotify.Env, fmt.Errorf("%s %s: an abstract socket cannot be handed to a container", sdnotify.Env, s.Socket))
		}
		l.o.Exec.Mounts = append(l.o.Exec.Mounts, libexec.Mount{Type: "bind", Source: s.Socket, Destination: readySocket})
		l.o.Exec.Env = append(l.o.Exec.Env, sdnotify.Env+"="+readySocket)
		if s.Watchdog != "" {
			l.o.Exec.Env = append(l.o.Exec.Env, "WATCHDOG_USEC="+s.Watchdog)
		}
	}
	if s.Credentials != "" {
		l.o.Exec.Mounts = append(l.o.Exec.Mounts, libexec.Mount{
			Type: "bind", Source: s.Credentials, Destination: s.Credentials, Options: []string{"ro", "nosuid", "nodev", "noexec"},
		})
		l.o.Exec.Env = append(l.o.Exec.Env, "CREDENTIALS_DIRECTORY="+s.Credentials)
	}
	if err := l.prepare(ctx); err != nil {
		return exit, err
	}
	exit, err = l.runtime.Start(ctx, l.bundle(), libexec.RunOptions{
		Stdio: l.o.Stdio, Signals: l.o.Signals, StopSignal: l.o.StopSignal,
		User: libexec.HostUser(l.spec), Args: l.spec.Process.Args, OnStart: l.started,
	})
	if err != nil || !exit.Started {
		return exit, err
	}
	stop()
	err = s.tell(ctx, exit.Process.Pid)
	if err == nil {
		err = l.container.Close()
	}
	if err == nil && s.Watched {
		err = s.watch(l.o.Programs.Watcher, info.Record.ID, l.o.Stdio.Err)
	}
	if err != nil {
		exit.Started = false
		return exit, errors.Join(err, l.runtime.Delete(context.WithoutCancel(ctx), l.bundle()))
	}
	if l.o.OnStart != nil {
		l.o.OnStart(info.Record.ID)
	}
	return exit, nil
}

// joinUnit leaves the container in the unit's own cgroup. A runtime that must make
// one gets one below it, for which the unit needs Delegate=yes.
func (l *launcher) joinUnit() {
	l.o.Exec.Cgroups = libexec.CgroupsSplit
	if l.runtime.Name == "crun" {
		l.o.Exec.Cgroups = libexec.CgroupsDisabled
	}
}

// tell tells the manager which process is the service, and that it is ready.
func (s *Service) tell(ctx context.Context, pid int) error {
	if s.Socket == "" || s.Notify == NotifyIgnore {
		return nil
	}
	words := []string{fmt.Sprintf("MAINPID=%d", pid)}
	if s.Notify == NotifyConmon {
		words = append(words, "READY=1")
	}
	if err := sdnotify.Send(s.Socket, words...); err != nil {
		return err
	}
	return sdnotify.Barrier(ctx, s.Socket, barrierLimit)
}

// extend puts off the time-out of the start until the result is called.
func (s *Service) extend(ctx context.Context) (stop func()) {
	if s.Socket == "" || s.Notify == NotifyIgnore {
		return func() {}
	}
	ctx, stop = context.WithCancel(ctx)
	go func() {
		tick := time.NewTicker(extendEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_ = sdnotify.Send(s.Socket, fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", extendBy.Microseconds()))
			}
		}
	}()
	return stop
}

// FindService gives the service that this process is in, for Options. Outside of
// one it has no Unit.
func FindService() (*Service, error) {
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	s := &Service{
		Socket: os.Getenv(sdnotify.Env), Invocation: os.Getenv("INVOCATION_ID"), Notify: NotifyConmon,
		Credentials: os.Getenv("CREDENTIALS_DIRECTORY"), Watchdog: os.Getenv("WATCHDOG_USEC"),
	}
	for line := range strings.Lines(string(data)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) == 3 && (parts[1] == "name=systemd" || parts[0] == "0" && s.Unit == "") {
			s.Unit, s.User = unitOf(parts[2])
		}
	}
	return s, nil
}

// unitOf gives the unit that a cgroup is of, and whether a user's manager has it:
// the last directory of a path that is named as units are.
func unitOf(cgroup string) (unit string, user bool) {
	for dir := filepath.Clean(cgroup); dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		name := filepath.Base(dir)
		switch filepath.Ext(name) {
		case ".service", ".scope":
		default:
			continue
		}
		if len(name) > len("user@.service") && name[:len("user@")] == "user@" {
			user = true
		} else if unit == "" {
			unit = name
		}
	}
	return unit, user
}

// Journal is what the entries of this run of the service have in the journal.
func (s *Service) Journal() []string {
	if s.User || s.Invocation == "" {
		// The manager's own invocation is all that the journal knows of a user's.
		field := "_SYSTEMD_UNIT="
		if s.User {
			field = "_SYSTEMD_USER_UNIT="
		}
		return []string{field + s.Unit}
	}
	return []string{"_SYSTEMD_INVOCATION_ID=" + s.Invocation}
}

// systemctl runs it for the manager that has the service.
func (s *Service) systemctl(ctx context.Context, args ...string) (string, error) {
	if s.User {
		args = append([]string{"--user"}, args...)
	}
	out, err := exec.CommandContext(ctx, "systemctl", append([]string{"--no-ask-password"}, args...)...).CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return "", fmt.Errorf("systemctl %s: %w: %s", strings.Join(args, " "), err, text)
	}
	return text, nil
}

// Restart restarts the service, also where it has failed too often, and waits until
// it is ready or has failed. begun tells that the manager has tried.
func (s *Service) Restart(ctx context.Context) (begun bool, err error) {
	was, err := s.property(ctx, "InvocationID")
	if err != nil {
		return false, err
	}
	if _, err := s.systemctl(ctx, "reset-failed", "--", s.Unit); err != nil && ctx.Err() != nil {
		return false, err // it is no error that nothing has failed
	}
	if _, err = s.systemctl(ctx, "restart", "--", s.Unit); err == nil {
		return true, nil
	}
	now, perr := s.property(ctx, "InvocationID")
	return perr == nil && now != was, errors.Join(err, perr)
}

func (s *Service) property(ctx context.Context, name string) (string, error) {
	return s.systemctl(ctx, "show", "--property="+name, "--value", "--", s.Unit)
}

// has tells whether the process is the main process of the unit now.
func (s *Service) has(ctx context.Context, pid int) (bool, error) {
	if s == nil || s.Unit == "" || pid <= 0 {
		return false, nil
	}
	main, err := s.property(ctx, "MainPID")
	return err == nil && main == strconv.Itoa(pid), err
}
