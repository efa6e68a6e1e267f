// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libexec/monitor"
	"github.com/tug-containers/tug/libstorage"
)

// StopOptions are how to end a container. What is zero is as it was asked for
// when the container was made.
type StopOptions struct {
	// Signal asks it to end.
	Signal syscall.Signal
	// Timeout is the time until SIGKILL. 0 does not ask at all, less than 0 waits
	// for ever.
	Timeout *time.Duration
	// Warn is called with what is worth telling, and no error.
	Warn func(message string)
}

// How long others are waited for.
const (
	// quietLimit is for who notes the end and cleans up: a monitor, or a `run`.
	quietLimit = 15 * time.Second
	// killLimit is for a process to end by SIGKILL: it may be writing to a disk.
	killLimit = 10 * time.Second
	// noteLimit is for a command to note the process that it has just started.
	noteLimit = 2 * time.Second
)

// Stop asks a container to end and kills it when its time is over. No restart
// policy starts it again. When Stop returns, the end is noted and everything is
// cleaned up; of an AutoRemove container nothing is left. For one that does not
// run, only what a killed command left is cleaned up.
//
// The caller must not hold the container's lock.
func Stop(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo, o StopOptions) error {
	if c.Err != nil {
		return c.Err
	}
	e := &ender{store: store, o: o, c: *c}
	if err := e.end(ctx); err != nil {
		return err
	}
	if e.ran {
		Note(store, c, "stop")
	}
	return e.settle(ctx)
}

// ender ends one container.
type ender struct {
	store *libstorage.Store
	o     StopOptions
	c     libstorage.ContainerInfo // as it was read last
	ran   bool
	code  *int // of the process that we saw end
	held  bool // by somebody who does not run it
	wiped bool // its run directory was lost while it ran

	anyhow bool // even if nobody knows how it wants to be asked
}

func (e *ender) errorf(class errclass.Class, format string, args ...any) error {
	id := e.c.Record.ID
	return errclass.New(class, id, fmt.Errorf("container "+id+": "+format, args...))
}

// mark says that somebody stops the container. Without a run directory there is
// nobody to say it to.
func mark(c *libstorage.ContainerInfo) error {
	f, err := os.OpenFile(filepath.Join(c.RunDir, monitor.StopFile), os.O_WRONLY|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = f.Close()
	}
	return err
}

// end returns when the container has no process, and nobody is at work on it
// any more. What is just being started is waited for: it is to be asked like any
// other.
func (e *ender) end(ctx context.Context) error {
	if err := mark(&e.c); err != nil {
		return e.errorf(errclass.Internal, "%w", err)
	}
	limit := time.Now().Add(quietLimit)
	killed := false
	var keeper keeper
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		info, err := e.store.Container(ctx, e.c.Record.ID)
		if errors.Is(err, libstorage.ErrContainerUnknown) {
			return keeper.await(ctx) // it may be about to remove the last of it
		} else if err != nil {
			return err
		} else if info.Err != nil {
			return info.Err
		}
		if time.Now().After(limit.Add(noteLimit - quietLimit)) {
			unnoted(&info)
		}
		e.c = info
		if info.Record.State() == libstorage.Running {
			_, err := os.Lstat(info.RunDir)
			e.wiped = e.wiped || errors.Is(err, fs.ErrNotExist)
			// A start that came after the first mark has taken it away.
			if err := mark(&info); err != nil {
				return e.errorf(errclass.Internal, "%w", err)
			}
			keeper = keeperOf(&info)
			err = e.ask(ctx)
			keeper.wake()
			if err != nil {
				return err
			}
			limit = time.Now().Add(quietLimit)
			continue
		}
		monitored := info.Monitored()
		switch late := time.Now().After(limit); {
		case !monitored && !info.Locked() && e.wiped:
			// Its keeper could not remove what is in the cgroup, nor that itself.
			return stopper(e.store)(ctx, info)
		case !monitored && !info.Locked():
			return nil
		case late && monitored && !killed:
			killed = killMonitor(ctx, &info)
			limit = time.Now().Add(quietLimit)
		case late && !monitored && !e.ran:
			e.held = true
			return nil
		case late:
			return e.locked(ctx)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// unnoted fills in the process of a container whose command was stopped before it
// had noted it: the runtime has written which it is.
func unnoted(c *libstorage.ContainerInfo) {
	r := &c.Record
	if r.State() != libstorage.Created || !c.Locked() {
		return
	}
	data, err := os.ReadFile(filepath.Join(c.RunDir, libstorage.PidFile))
	if err != nil {
		return
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err == nil && pid > 1 {
		_ = r.Started(pid) // one that is gone is not taken for running
	}
}

// locked says who has the container.
func (e *ender) locked(ctx context.Context) error {
	c, err := e.store.OpenContainer(ctx, e.c.Record.ID)
	if err != nil {
		return err
	}
	return errors.Join(e.errorf(errclass.Conflict, "its monitor does not end"), c.Close())
}

// ask asks the container's process to end, and makes it when its time is over.
func (e *ender) ask(ctx context.Context) (err error) {
	r := &e.c.Record
	h, err := libexec.Process{Pid: r.Pid, StartTime: r.StartTime}.Open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return e.errorf(errclass.Internal, "%w", err)
	}
	defer h.Close()
	e.ran = true
	config, err := ReadConfig(&e.c)
	if err != nil && !e.anyhow && (e.o.Signal == 0 || e.o.Timeout == nil) {
		return err
	}
	sig, limit := e.o.Signal, config.StopTimeout
	if sig == 0 {
		sig = config.StopSignal
	}
	if e.o.Timeout != nil {
		limit = *e.o.Timeout
	}
	service := config.Service
	managed, err := service.has(ctx, r.Pid)
	if err != nil && !e.anyhow {
		return e.errorf(errclass.Internal, "%w", err)
	}
	if managed {
		// Who stops it by itself would see it started again by Restart=.
		if _, err := service.systemctl(ctx, "stop", "--no-block", "--", service.Unit); err != nil {
			return e.errorf(errclass.Internal, "%w", err)
		}
		sig = 0 // the manager asks it
		defer func() {
			if err == nil {
				_, err = service.systemctl(ctx, "stop", "--", service.Unit) // it cleans up
			}
		}()
	}
	if limit != 0 {
		ended, err := e.signal(ctx, h, sig, limit)
		if ended || err != nil {
			return err
		}
		if e.o.Warn != nil {
			e.o.Warn(fmt.Sprintf("container %s did not end in %s after signal %d (%v): it is killed", r.Name, limit, int(sig), sig))
		}
	}
	ended, err := e.signal(ctx, h, syscall.SIGKILL, killLimit)
	if err == nil && !ended {
		err = e.errorf(errclass.Internal, "process %d has not ended %s after SIGKILL", r.Pid, killLimit)
	}
	return err
}

// signal sends a signal, and waits for the end of the process.
func (e *ender) signal(ctx context.Context, h *libexec.Handle, sig syscall.Signal, limit time.Duration) (ended bool, err error) {
	if err = h.Signal(sig); err == nil {
		err = thaw(&e.c)
	}
	if errors.Is(err, os.ErrProcessDone) {
		return true, nil
	} else if err != nil {
		return false, e.errorf(errclass.Internal, "%w", err)
	}
	wait := ctx
	if limit >= 0 {
		var cancel context.CancelFunc
		wait, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	err = h.Wait(wait)
	switch {
	case err == nil:
		e.code = h.ExitCode()
		return true, nil
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case errors.Is(err, context.DeadlineExceeded):
		return false, nil
	}
	return false, e.errorf(errclass.Internal, "%w", err)
}

// thaw lets a paused container receive what was sent to it.
func thaw(c *libstorage.ContainerInfo) error {
	if paused, err := libexec.Paused(c.Record.Pid); err != nil || !paused {
		return nil // gone already, or there is nothing to thaw
	}
	err := libexec.Thaw(c.Record.ID, c.Record.Pid)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// settle does what nobody was left to do: it notes the end, and cleans up.
func (e *ender) settle(ctx context.Context) error {
	if e.held {
		return nil
	}
	switch e.c.Record.State() {
	case libstorage.Created:
		return nil
	case libstorage.Exited, libstorage.Stopped:
		if _, err := os.Lstat(e.c.RunDir); errors.Is(err, fs.ErrNotExist) && !e.c.Record.AutoRemove {
			return nil
		}
	}
	c, err := e.open(ctx)
	if c == nil {
		return err
	}
	r := c.Record()
	if r.State() == libstorage.Running { // started again, by somebody who was quicker
		return c.Close()
	}
	if err := stopper(e.store)(ctx, e.c); err != nil {
		return errors.Join(err, c.Close())
	}
	if r.State() == libstorage.Unknown {
		if err := e.note(c); err != nil {
			return errors.Join(err, c.Close())
		}
	}
	return finish(ctx, e.store, c, &e.c)
}

// open takes the container's lock; nil when it is gone. Who removes it is waited
// for.
func (e *ender) open(ctx context.Context) (*libstorage.Container, error) {
	limit := time.Now().Add(quietLimit)
	for {
		c, err := e.store.OpenContainer(ctx, e.c.Record.ID)
		switch {
		case errors.Is(err, libstorage.ErrContainerUnknown):
			return nil, nil
		case !errors.Is(err, libstorage.ErrContainerLocked) || time.Now().After(limit):
			return c, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// note writes down how the process ended, which its parent did not.
func (e *ender) note(c *libstorage.Container) error {
	NoteEnd(e.store, &e.c, e.code)
	if c.Record().Starts > 0 {
		return c.NoteExit(e.code)
	}
	if e.code == nil {
		return nil // that is what the record says without it
	}
	return c.Update(func(r *libstorage.Record) { r.Exit(*e.code) })
}
