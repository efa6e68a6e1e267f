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

// CheckHealth runs the health check of a running container once, and tells
// whether the container is well. What the monitor of the container finds, it
// keeps itself; where it does not check, the result is kept here, and what was
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
	if h.none() {
		return false, errclass.New(errclass.Usage, c.Record.Name, fmt.Errorf("container %s: %w", c.Record.Name, ErrNoHealthCheck))
	}
	check, err := runCheck(ctx, store, c, h)
	if err != nil {
		return false, err
	}
	healthy = check.ExitCode == 0
	if h.Interval > 0 && c.Monitored() {
		return healthy, nil
	}
	became, err := keepCheck(ctx, store, c, h, check)
	if err == nil && became == life.Unhealthy {
		err = failed(ctx, store, c, h.OnFailure, StartOptions{Programs: programs})
	}
	return healthy, err
}

// runCheck runs the check.
func runCheck(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo, h *HealthCheck) (life.Check, error) {
	out, err := capture.New(life.KeptOutput)
	if err != nil {
		return life.Check{}, fmt.Errorf("container %s: health check: %w", c.Record.Name, err)
	}
	check := life.Check{Start: time.Now()}
	exit, err := enter(ctx, &store.Records, c, libexec.ExecOptions{
		Process: libexec.ExecProcess{Args: h.Command()},
		Stdio:   libexec.Stdio{Out: out.File(), Err: out.File()}, Timeout: h.Timeout,
	})
	check.End, check.ExitCode = time.Now(), exit.Code
	check.Output = strings.TrimSpace(out.Text())
	switch code := Code(err); {
	case code != 0: // a check that cannot be run is one that fails
		check.ExitCode, check.Output = code, err.Error()
	case err != nil:
		return check, err
	case exit.TimedOut:
		check.ExitCode, check.Output = -1, "the health check took longer than "+h.Timeout.String()
	}
	return check, nil
}

// keepCheck adds a check to what is known, and gives the state that the container
// has come to by it, if it is another. Who holds the container has something
// better to do.
func keepCheck(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo, h *HealthCheck, check life.Check) (became string, err error) {
	held, err := store.OpenContainer(ctx, c.Record.ID)
	if errors.Is(err, libstorage.ErrContainerLocked) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	known, err := c.Health()
	if err != nil {
		return "", err
	}
	if known == nil {
		known = &life.Health{Starts: c.Record.Starts, Restarts: c.Restarts, Status: life.Starting}
	}
	was := known.Status
	known.Add(check, was != life.Starting || check.End.Sub(c.Record.StartedAt) >= h.StartPeriod, h.Retries)
	if err := known.Write(c.Dir); err != nil {
		return "", fmt.Errorf("container %s: health: %w", c.Record.Name, err)
	}
	if known.Status == was {
		return "", nil
	}
	note(store, c, events.Event{Action: "health_status", Attributes: map[string]string{"health_status": known.Status}})
	return known.Status, nil
}

// failed does what was asked for when a container becomes unhealthy.
func failed(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo, action string, start StartOptions) error {
	switch action {
	case monitor.HealthKill:
		p, err := libexec.Process{Pid: c.Record.Pid, StartTime: c.Record.StartTime}.Open()
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer p.Close()
		_ = p.Signal(syscall.SIGKILL) // gone is as good
		return nil
	case monitor.HealthStop:
		return Stop(ctx, store, c, StopOptions{})
	case monitor.HealthRestart:
		return Restart(ctx, store, c, StopOptions{}, start)
	}
	return nil
}
