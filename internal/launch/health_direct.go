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
	var due probe
	var failed error
	known.Watch(ctx.Done(), life.Watch{
		Due: func() (time.Duration, bool) {
			due = h.due(known)
			return due.interval, due.interval > 0 // else people run it
		},
		Skip: func() bool {
			paused, err := libexec.Paused(c.Record.Pid)
			return err == nil && paused
		},
		Run: func() (check life.Check, alive bool) {
			check, failed = runCheck(ctx, &l.store.Records, c, due)
			return check, ctx.Err() == nil && c.Record.State() == libstorage.Running // else it fails because the container ends
		},
		Judge: func(check life.Check) {
			verdict := life.AsBefore
			if failed == nil {
				verdict, failed = judge(l.store, c, h, known, check)
			}
			if failed != nil {
				l.o.note(fmt.Sprintf("container %s: health check: %v", c.Record.Name, failed))
				return
			}
			l.treat(ctx, c, h.action(verdict))
		},
	})
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
