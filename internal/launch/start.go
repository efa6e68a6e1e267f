// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libexec/monitor"
	"github.com/tug-containers/tug/libstorage"
)

// StartOptions are the ways to start a container that is there.
type StartOptions struct {
	Programs Programs
	// Attach stays with the container to its end, with Stdio, Signals and
	// DetachKeys as those of Options.
	Attach     bool
	Stdio      libexec.Stdio
	Signals    *libexec.Signals
	DetachKeys []byte
	// OnStart, when not nil, is called when the container runs.
	OnStart func(id string)
	Debug   func(message string)
	Warn    func(message string)
}

// ErrRunning says that a container runs already.
var ErrRunning = errors.New("it runs already")

// Start starts a container that does not run, by its full ID. When it cannot be
// started it stays as it was. With o.Attach, Exit says how it ended; without, only
// that it was started.
func Start(ctx context.Context, store *libstorage.Store, id string, o StartOptions) (libexec.Exit, error) {
	return start(ctx, store, id, o, nil)
}

// start knows those that wait for this one, by Config.Requires.
func start(ctx context.Context, store *libstorage.Store, id string, o StartOptions, waiting []string) (exit libexec.Exit, err error) {
	if root := store.Root(); store.ReadOnly() {
		return exit, errclass.New(errclass.Conflict, root, fmt.Errorf("store %s: %w", root, libstorage.ErrReadOnly))
	}
	l, info, err := reopen(ctx, store, id, o)
	if err != nil {
		return exit, err
	}
	var a *attachment
	if o.Attach {
		a = &attachment{stdio: o.Stdio, signals: o.Signals, keys: o.DetachKeys}
	}
	l.waiting = append(waiting[:len(waiting):len(waiting)], id)
	conn, err := l.restart(ctx, a)
	if err != nil {
		var early interrupted
		if errors.As(err, &early) {
			exit, err = interruptedBy(early), nil
		}
		return exit, err
	}
	if o.OnStart != nil {
		o.OnStart(id)
	}
	if a == nil {
		return libexec.Exit{Started: true}, nil
	}
	if a.signals != nil {
		ctx = context.WithoutCancel(ctx)
	}
	return follow(ctx, conn, &info, a, l.o.Exec.Terminal)
}

// reopen takes the lock of a container that does not run, and reads how it was
// asked for.
func reopen(ctx context.Context, store *libstorage.Store, id string, o StartOptions) (*launcher, libstorage.ContainerInfo, error) {
	awaitCleanup(ctx, store, id)
	c, err := openFree(ctx, store, id)
	if err != nil {
		return nil, libstorage.ContainerInfo{}, err
	}
	l := &launcher{store: store, container: c}
	info := l.info()
	if seen, err := store.Container(ctx, id); err == nil {
		info = seen // with what its last monitor knew
	}
	err = l.recall(ctx, &info, o)
	if err != nil {
		return nil, info, errors.Join(err, c.Close())
	}
	return l, info, nil
}

// recall fills the launcher from the record.
func (l *launcher) recall(ctx context.Context, info *libstorage.ContainerInfo, o StartOptions) error {
	r := &info.Record
	switch {
	case r.State() == libstorage.Running || info.Monitored():
		return errclass.New(errclass.Conflict, r.ID, fmt.Errorf("container %s: %w", r.ID, ErrRunning))
	case r.Ephemeral:
		return errclass.New(errclass.Conflict, r.ID, fmt.Errorf("container %s: it is being removed", r.ID))
	}
	config, err := ReadConfig(info)
	if err != nil {
		return err
	}
	if s := config.Service; s != nil {
		return errclass.New(errclass.Conflict, r.ID, fmt.Errorf("container %s: it is the service %s: systemctl start %s", r.ID, s.Unit, s.Unit))
	}
	l.o = &Options{Config: config, Programs: o.Programs, Remove: r.AutoRemove, Warn: o.Warn, Stdio: o.Stdio, Signals: o.Signals}
	l.o.Exec.Debug = o.Debug
	if r.ImageID != "" {
		if err := l.readImage(ctx, r.ImageID); err != nil {
			return err
		}
	}
	if l.runtime, err = runtimeOf(ctx, l.store, info.RunDir, r.Runtime); err == nil {
		advise(ctx, l.runtime, o.Warn)
		l.runtime, err = l.runtime.ForCgroups(&l.o.Exec)
	}
	return err
}

// restart starts what reopen has opened. When that fails, nothing of it is left
// but the container.
func (l *launcher) restart(ctx context.Context, a *attachment) (conn *monitor.Conn, err error) {
	c := l.container
	defer func() {
		if err != nil {
			err = errors.Join(err, l.abandon(ctx), c.Cleanup(), c.Close())
		}
	}()
	// What the runtime may still have of a life that nobody saw end.
	if c.Record().Starts > 0 {
		if err := errors.Join(l.runtime.Delete(ctx, l.bundle()), l.leaveNetworks(ctx)); err != nil {
			return nil, err
		}
		if err := c.Cleanup(); err != nil {
			return nil, err
		}
	}
	before := c.RunDir()
	if err := c.MakeRunDir(); err != nil {
		return nil, err
	}
	if c.RunDir() != before {
		if l.runtime, err = runtimeOf(ctx, l.store, c.RunDir(), c.Record().Runtime); err != nil {
			return nil, err
		}
	}
	if err := c.Update(func(r *libstorage.Record) { r.Starting() }); err != nil {
		return nil, err
	}
	return l.start(ctx, a)
}

// openLimit is how long a command waits for another that holds a container.
const openLimit = 10 * time.Second

// awaitCleanup waits a while for the monitor of a container that has ended: it may
// just be cleaning up.
func awaitCleanup(ctx context.Context, store *libstorage.Store, id string) {
	limited, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	if info, err := store.Container(ctx, id); err == nil && info.Record.State() != libstorage.Running {
		_ = info.AwaitMonitor(limited) // one that stays is met again
	}
}

// openFree takes the lock of a container, and waits a while for whoever has it.
func openFree(ctx context.Context, store *libstorage.Store, id string) (*libstorage.Container, error) {
	for end := time.Now().Add(openLimit); ; {
		c, err := store.OpenContainer(ctx, id)
		if !errors.Is(err, libstorage.ErrContainerLocked) || time.Now().After(end) {
			return c, err
		}
		if info, serr := store.Container(ctx, id); serr == nil && info.Record.State() == libstorage.Running {
			return nil, errclass.New(errclass.Conflict, id, fmt.Errorf("container %s: %w", id, ErrRunning))
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// require starts the containers that this one needs, in their order.
func (l *launcher) require(ctx context.Context) error {
	for _, name := range l.o.Requires {
		info, err := l.store.Container(ctx, name)
		if err != nil {
			return err
		}
		if info.Record.State() == libstorage.Running {
			continue
		}
		for _, id := range l.waiting {
			if id == info.Record.ID {
				return errclass.New(errclass.Usage, name, fmt.Errorf("container %s: it requires itself", name))
			}
		}
		o := StartOptions{Programs: l.o.Programs, Debug: l.o.Exec.Debug, Warn: l.o.Warn}
		if _, err := start(ctx, l.store, info.Record.ID, o, l.waiting); err != nil && !errors.Is(err, ErrRunning) {
			return fmt.Errorf("required container %s: %w", name, err)
		}
	}
	return nil
}

// Cleanup is for a container that has ended, when its monitor or its unit asks for
// it: what is mounted is unmounted, and one that was to be removed is. An end that is
// not noted yet is noted with code, which is nil when nobody saw it.
func Cleanup(ctx context.Context, store *libstorage.Store, id string, code *int) error {
	c, err := openFree(ctx, store, id)
	if err != nil {
		return err
	}
	info, err := store.Container(ctx, id)
	if err == nil && info.Record.State() == libstorage.Running {
		err = errclass.New(errclass.Conflict, id, fmt.Errorf("container %s: %w", id, ErrRunning))
	}
	if err == nil && info.Record.State() == libstorage.Unknown && info.Record.Finished.IsZero() {
		err = (&ender{store: store, c: info, code: code}).note(c)
	}
	if err == nil {
		err = stopper(store)(ctx, info)
	}
	if err != nil {
		return errors.Join(err, c.Close())
	}
	return finish(ctx, store, c, &info)
}

// finish is the last thing in the life of a container whose process is gone: one
// that was to go with it is removed. It closes c.
func finish(ctx context.Context, store *libstorage.Store, c *libstorage.Container, info *libstorage.ContainerInfo) error {
	if r := c.Record(); !r.Ephemeral && !r.AutoRemove {
		return errors.Join(c.Cleanup(), c.Close())
	}
	err := c.Remove(ctx)
	if err == nil {
		Note(store, info, "remove")
	}
	return err
}
