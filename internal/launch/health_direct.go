// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/tug-containers/tug/internal/life"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libexec/monitor"
	"github.com/tug-containers/tug/libstorage"
)

// watchHealth runs the health check of a container that is a child of ours, until
// ctx ends. Its lock is ours, so nobody else writes what is found.
func (l *launcher) watchHealth(ctx context.Context, c *libstorage.ContainerInfo) {
	h := l.o.Health
	known, err := knownHealth(c, h)
	if err == nil {
		err = known.Write(c.Dir)
	}
	if err != nil {
		l.o.note(fmt.Sprintf("container %s: health: %v", c.Record.Name, err))
	}
	up := false // just now
	for {
		p := h.due(known)
		if p.interval <= 0 {
			return // people run it
		}
		pause := p.interval
		if up {
			pause = 0
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		if paused, err := libexec.Paused(c.Record.Pid); err == nil && paused {
			continue
		}
		check, err := runCheck(ctx, &l.store.Records, c, p)
		if ctx.Err() != nil || c.Record.State() != libstorage.Running {
			return // it fails because the container ends
		}
		if paused, perr := libexec.Paused(c.Record.Pid); perr == nil && paused {
			continue // it was paused meanwhile
		}
		starting := known.Startup
		var verdict life.Verdict
		if err == nil {
			verdict, err = judge(l.store, c, h, known, check)
		}
		if err != nil {
			l.o.note(fmt.Sprintf("container %s: health check: %v", c.Record.Name, err))
			continue
		}
		up = starting && !known.Startup
		l.treat(ctx, c, h.action(verdict))
	}
}

// treat ends a container that is not well, if that was asked for. One that is to be
// started again has a monitor.
func (l *launcher) treat(ctx context.Context, c *libstorage.ContainerInfo, action string) {
	switch action {
	case monitor.HealthStop:
		_ = end(ctx, c, l.o.StopSignal, l.o.StopTimeout)
	case monitor.HealthKill:
		_ = end(ctx, c, syscall.SIGKILL, l.o.StopTimeout)
	}
}
