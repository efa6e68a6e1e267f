// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/events"
	"github.com/tug-containers/tug/internal/life"
	"github.com/tug-containers/tug/internal/status"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libexec/monitor"
	"github.com/tug-containers/tug/libstorage"
)

// Removed is a condition of Await beside the words of status: there is no such
// container any more. "removing" is the same.
const Removed = "removed"

// CheckCondition tells whether Await knows a condition.
func CheckCondition(word string) error {
	if status.Word(word) && word != status.Damaged || slices.Contains([]string{Removed, life.Healthy, life.Unhealthy}, word) {
		return nil
	}
	return errclass.New(errclass.Usage, word, fmt.Errorf("%q: not a condition: must be created, running, paused, healthy, unhealthy, stopped, exited or removed", word))
}

// NoCode is what Await gives for a condition that is not about an end. It is
// podman's.
const NoCode = -1

// Await returns when one of the conditions holds for a container, or it has ended
// for good: removed. For an end it gives the exit code; when nobody knows that,
// the error is ErrExitUnknown. It looks once in an interval, and sees an end at
// once.
func Await(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo, conditions []string, interval time.Duration) (int, error) {
	w := &waiter{store: store, c: *c, conditions: conditions, interval: interval, since: time.Now()}
	defer func() { w.forget() }()
	for {
		done, code, err := w.look(ctx)
		if done || err != nil {
			return code, err
		}
		if err := w.pause(ctx); err != nil {
			return 0, err
		}
	}
}

type waiter struct {
	store      *libstorage.Store
	c          libstorage.ContainerInfo
	conditions []string
	interval   time.Duration
	since      time.Time

	process libexec.Process
	handle  *libexec.Handle // on process; nil when there is none
	code    *int            // with which process ended
}

func (w *waiter) wants(words ...string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(w.conditions, word) })
}

// look reads the container, and tells whether a condition holds.
func (w *waiter) look(ctx context.Context) (done bool, code int, err error) {
	info, err := w.store.Container(ctx, w.c.Record.ID)
	if errors.Is(err, libstorage.ErrContainerUnknown) {
		if w.wants(Removed, "removing") && !w.wants("stopped", "exited") {
			return true, NoCode, nil
		}
		return w.ended(w.code, "it was removed")
	} else if err != nil {
		return false, 0, err
	} else if info.Err != nil {
		return false, 0, info.Err
	}
	w.c = info
	now := status.Of(&info)
	if again := w.follow(now); again && w.code != nil && w.wants("stopped", "exited") {
		return true, *w.code, nil // a policy was quick to start it again
	}
	if !now.Ended() {
		holds := slices.ContainsFunc(w.conditions, func(word string) bool { return now.Is(word) || now.Health == word && now.Lives() })
		return holds, NoCode, nil
	}
	if !w.wants("stopped", "exited", now.State) {
		return false, 0, nil
	}
	if now.Code == nil && (info.Monitored() || info.Locked()) {
		return false, 0, nil // it is about to be noted
	}
	if now.Code == nil && now.State == status.Unknown {
		return w.ended(w.code, "nobody saw it end")
	}
	if config, err := ReadConfig(&info); err == nil && (config.Restart.Policy == "" || config.Restart.Policy == monitor.RestartNo) {
		awaitCleanup(ctx, w.store, info.Record.ID) // what is done next need not wait for it
	}
	return w.ended(now.Code, "the host was restarted while it ran")
}

// ended gives the code of an end, or why nobody knows it. Of what is removed, an
// event may tell it.
func (w *waiter) ended(code *int, why string) (bool, int, error) {
	id := w.c.Record.ID
	if code == nil {
		code = events.Died(events.Path(w.store.Root()), id, w.since)
	}
	if code == nil {
		return false, 0, errclass.New(errclass.NotFound, id, fmt.Errorf("container %s: %w: %s", id, ErrExitUnknown, why))
	}
	return true, *code, nil
}

// follow holds on to the process that the container has now: should all else
// that knows it be gone, the kernel says how it ended. again tells that there was
// another before.
func (w *waiter) follow(now status.Status) (again bool) {
	r := &w.c.Record
	p := libexec.Process{Pid: r.Pid, StartTime: r.StartTime}
	if !now.Lives() || p == w.process {
		return false
	}
	w.forget()
	again, w.process = w.process.Pid != 0, p
	w.handle, _ = p.Open() // gone already: the record will say it
	return again
}

func (w *waiter) forget() {
	if w.handle != nil {
		w.handle.Close()
		w.handle = nil
	}
}

// pause waits for the end of the process, at most as long as the interval.
func (w *waiter) pause(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, w.interval)
	defer cancel()
	if w.handle == nil {
		<-limited.Done()
	} else if w.handle.Wait(limited) == nil {
		w.code = w.handle.ExitCode()
		w.forget()
		w.interval = min(w.interval, endInterval)
	}
	return context.Cause(ctx)
}

// endInterval is how often one looks whether an end is noted that was seen.
const endInterval = 10 * time.Millisecond
