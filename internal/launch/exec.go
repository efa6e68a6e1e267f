// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/events"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

// Exec runs a further process in a running container, by the runtime that the
// container was made with. It takes no lock: an attached run holds that of its
// container to the end. o.Session is an ID from NewSession; o.Init and what is to
// be called are filled in here.
//
// A container that does not run is libexec.ErrNotRunning.
func Exec(ctx context.Context, store *libstorage.Records, c libstorage.ContainerInfo, o libexec.ExecOptions, h Holder) (libexec.Exit, error) {
	dir := libexec.Container{Bundle: c.RunDir}.SessionDir(o.Session)
	s := &session{
		Events: events.Path(store.Root()),
		Died:   containerEvent(&c, events.Event{Action: "exec_died", Attributes: map[string]string{"execID": o.Session}}),
	}
	o.OnStart = func(p libexec.Process) error { return s.begun(dir, p) }
	o.Hold = func(_ libexec.Process, terminal *os.File) error {
		if !o.Detach {
			return h.Start(dir, terminal)
		}
		if err := h.Running(); err != nil {
			return err
		}
		return s.hold(dir, terminal)
	}
	exit, err := enter(ctx, store, &c, o)
	switch {
	case s.Pid == 0 || exit.Detached || o.Detach && err == nil: // whoever holds it says that it has ended
	case err != nil:
		s.died(nil)
	default:
		s.died(&exit.Code)
	}
	return exit, err
}

// enter does the same without a word about it.
func enter(ctx context.Context, store *libstorage.Records, c *libstorage.ContainerInfo, o libexec.ExecOptions) (libexec.Exit, error) {
	r := &c.Record
	if c.Err != nil {
		return libexec.Exit{}, c.Err
	}
	if r.State() != libstorage.Running {
		return libexec.Exit{}, errclass.New(errclass.Conflict, r.Name, libexec.ErrNotRunning)
	}
	runtime, err := runtimeOf(ctx, store, c.RunDir, r.Runtime)
	if err != nil {
		return libexec.Exit{}, err
	}
	o.Init = libexec.Process{Pid: r.Pid, StartTime: r.StartTime}
	exit, err := runtime.Exec(ctx, libexec.Container{ID: r.ID, Bundle: c.RunDir}, o)
	if errors.Is(err, libexec.ErrNotRunning) {
		if paused, perr := libexec.Paused(r.Pid); perr == nil && paused {
			err = errclass.New(errclass.Conflict, r.Name, fmt.Errorf("container %s is paused: %w", r.Name, err))
		}
	}
	return exit, err
}
