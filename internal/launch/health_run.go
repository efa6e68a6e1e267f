// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/tug-containers/tug/internal/capture"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/events"
	"github.com/tug-containers/tug/internal/life"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libexec/monitor"
	"github.com/tug-containers/tug/libstorage"
)

// ErrNoHealthCheck says that a container has no health check.
var ErrNoHealthCheck = errors.New("no health check is defined")

// CheckHealth runs the health check of a running container once, or its startup
// check until that has succeeded, and tells whether the container is well. What
// the monitor of the container finds, or the command that it is attached to, they
// keep themselves; where they do not check, the result is kept here, and what was
// asked for in the case of a failure is done. programs are for a restart.
func CheckHealth(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo, programs Programs) (healthy bool, err error) {
	if c.Err != nil {
		return false, c.Err
	}
	config, err := ReadConfig(c)
	if err != nil {
		return false, err
	}
	h := config.Health
	if h.None() {
		return false, errclass.New(errclass.Usage, c.Record.Name, fmt.Errorf("container %s: %w", c.Record.Name, ErrNoHealthCheck))
	}
	known, err := knownHealth(c, h)
	if err != nil {
		return false, err
	}
	due := h.due(known)
	check, err := runCheck(ctx, &store.Records, c, due)
	if err != nil {
		return false, err
	}
	healthy = check.ExitCode == 0
	if due.interval > 0 && c.Monitored() {
		return healthy, nil
	}
	// Who holds the container has something better to do, or checks it.
	held, err := store.OpenContainer(ctx, c.Record.ID)
	if errors.Is(err, libstorage.ErrContainerLocked) {
		return healthy, nil
	}
	if err != nil {
		return healthy, err
	}
	verdict := life.AsBefore
	if known, err = knownHealth(c, h); err == nil {
		verdict, err = judge(store, c, h, known, check)
	}
	if err = errors.Join(err, held.Close()); err == nil {
		action := h.action(verdict)
		if action == monitor.HealthRestart && config.Service != nil {
			action = monitor.HealthKill // Restart= of the unit says what then
		}
		if action == monitor.HealthStop && config.Service != nil {
			return healthy, end(ctx, c, config.StopSignal, config.StopTimeout) // the manager shall not take it for an order
		}
		err = act(ctx, store, c, action, StartOptions{Programs: programs})
	}
	return healthy, err
}

// knownHealth is what was found since the container was started.
func knownHealth(c *libstorage.ContainerInfo, h *HealthCheck) (*life.Health, error) {
	known, err := c.Health()
	if err == nil && known == nil {
		known = &life.Health{Starts: c.Record.Starts, Restarts: c.Restarts, Status: life.Starting, Startup: h.Startup != nil}
	}
	return known, err
}

// runCheck runs a check.
func runCheck(ctx context.Context, store *libstorage.Records, c *libstorage.ContainerInfo, p probe) (life.Check, error) {
	out, err := capture.New(life.KeptOutput)
	if err != nil {
		return life.Check{}, fmt.Errorf("container %s: health check: %w", c.Record.Name, err)
	}
	check := life.Check{Start: time.Now()}
	exit, err := enter(ctx, store, c, libexec.ExecOptions{
		Process: libexec.ExecProcess{Args: p.command},
		Stdio:   libexec.Stdio{Out: out.File(), Err: out.File()}, Timeout: p.timeout, StopTimeout: time.Millisecond,
	})
	check.End, check.ExitCode = time.Now(), exit.Code
	check.Output = strings.TrimSpace(out.Text())
	switch code := Code(err); {
	case code != 0: // a check that cannot be run is one that fails
		check.ExitCode, check.Output = code, err.Error()
	case err != nil:
		return check, err
	case exit.TimedOut:
		check.Late(p.timeout)
	}
	return check, nil
}

// judge adds a check to what is known, and writes that down.
func judge(store places, c *libstorage.ContainerInfo, h *HealthCheck, known *life.Health, check life.Check) (life.Verdict, error) {
	verdict := known.Judge(check, h.rules(), c.Record.StartedAt)
	if err := known.Write(c.Dir); err != nil {
		return verdict, fmt.Errorf("container %s: health: %w", c.Record.Name, err)
	}
	if verdict == life.Healthy || verdict == life.Unhealthy {
		note(store, c, events.Event{Action: "health_status", Attributes: map[string]string{"health_status": known.Status}})
	}
	return verdict, nil
}

// action is what is to be done after a verdict.
func (h *HealthCheck) action(verdict life.Verdict) string {
	switch verdict {
	case life.Unhealthy:
		return h.OnFailure
	case life.StartupFailed:
		return monitor.HealthRestart
	}
	return monitor.HealthNone
}

// act does what was asked for when a container is not well.
func act(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo, action string, start StartOptions) error {
	switch action {
	case monitor.HealthKill:
		return end(ctx, c, syscall.SIGKILL, time.Minute)
	case monitor.HealthStop:
		return Stop(ctx, store, c, StopOptions{})
	case monitor.HealthRestart:
		return Restart(ctx, store, c, StopOptions{}, start)
	}
	return nil
}

// end signals the first process of a container, and kills it when that has not ended
// it in time.
func end(ctx context.Context, c *libstorage.ContainerInfo, signal syscall.Signal, limit time.Duration) error {
	p, err := libexec.Process{Pid: c.Record.Pid, StartTime: c.Record.StartTime}.Open()
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer p.Close()
	_ = p.Signal(signal) // gone is as good
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if p.Wait(limited) != nil && ctx.Err() == nil {
		_ = p.Signal(syscall.SIGKILL)
	}
	return nil
}
