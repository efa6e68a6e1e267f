// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/life"
	"github.com/tug-containers/tug/internal/sdnotify"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

// watch starts who runs the health check. It is in the unit's cgroup, as we are, and
// says what is wrong where we would.
func (s *Service) watch(program []string, id string, stderr *os.File) error {
	cmd := exec.Command(program[0], append(program[1:len(program):len(program)], id)...)
	// To the manager the container speaks, or this process alone.
	cmd.Env = slices.DeleteFunc(cmd.Environ(), func(entry string) bool { return strings.HasPrefix(entry, sdnotify.Env+"=") })
	if s.Notify == NotifyHealthy && s.Socket != "" {
		cmd.Env = append(cmd.Env, sdnotify.Env+"="+s.Socket)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("container %s: health check: %w", id, err)
	}
	return cmd.Process.Release()
}

// Watch runs the health check of a container that is a service until that ends. When
// a socket is given, the manager is told as soon as the container is healthy. What
// was asked for in the case of a failure is done; warn hears of checks that could not
// be run.
func Watch(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo, socket string, programs Programs, warn func(string)) error {
	config, err := ReadConfig(c)
	if err != nil {
		return err
	}
	h := config.Health
	if h.None() || config.Service == nil {
		return errclass.New(errclass.Usage, c.Record.Name, fmt.Errorf("container %s: %w", c.Record.Name, ErrNoHealthCheck))
	}
	if err := begin(ctx, store, c, h); err != nil {
		warn(err.Error())
	}
	process, err := libexec.Process{Pid: c.Record.Pid, StartTime: c.Record.StartTime}.Open()
	if err != nil {
		return nil // it has ended
	}
	defer process.Close()
	up := false // just now
	for {
		known, err := knownHealth(c, h)
		if err != nil {
			return err
		}
		if known.Status == life.Healthy && socket != "" {
			if err := sdnotify.Send(socket, "READY=1"); err != nil {
				return err
			}
			socket = ""
		}
		if !up {
			limited, cancel := context.WithTimeout(ctx, h.due(known).interval)
			ended := process.Wait(limited) == nil
			cancel()
			if ended || ctx.Err() != nil {
				return nil
			}
		}
		if paused, err := libexec.Paused(c.Record.Pid); err == nil && paused {
			up = false
			continue
		}
		_, err = CheckHealth(ctx, store, c, programs)
		if ctx.Err() != nil || c.Record.State() != libstorage.Running {
			return nil // it fails because the container ends
		}
		if err != nil {
			warn(err.Error())
		}
		now, err := knownHealth(c, h)
		up = err == nil && known.Startup && !now.Startup
	}
}

// begin writes down that nothing is known yet.
func begin(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo, h *HealthCheck) error {
	held, err := store.OpenContainer(ctx, c.Record.ID)
	if err != nil {
		return err
	}
	known, err := knownHealth(c, h)
	if err == nil {
		err = known.Write(c.Dir)
	}
	return errors.Join(err, held.Close())
}
