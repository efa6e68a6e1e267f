// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tug-containers/tug/internal/capture"
	"github.com/tug-containers/tug/internal/life"
	"github.com/tug-containers/tug/internal/proc"
	"github.com/tug-containers/tug/libexec/monitor"
	"golang.org/x/sys/unix"
)

// health is the health check of one life of the container.
type health struct {
	k     *keeper
	known life.Health
	rules life.Rules
}

func newHealth(k *keeper) *health {
	c := k.c.Health
	h := &health{k: k, rules: life.Rules{StartPeriod: c.StartPeriod, Retries: c.Retries}}
	h.known = life.Health{Starts: k.c.Starts, Restarts: k.restarts, Status: life.Starting}
	if up := c.Startup; up != nil {
		h.known.Startup = true
		h.rules.StartupRetries, h.rules.StartupSuccesses = up.Retries, up.Successes
	}
	return h
}

// due is the check whose turn it is, and how long to wait for it; nil when there is
// nothing more to do.
func (h *health) due() (*monitor.Probe, time.Duration) {
	c := h.k.c.Health
	switch {
	case !h.known.Startup && c.Interval <= 0:
		return nil, 0
	case !h.known.Startup:
		return &c.Probe, c.Interval
	case c.Startup.Interval > 0:
		return &c.Startup.Probe, c.Startup.Interval
	case c.Interval <= 0:
		return nil, 0
	}
	return &c.Startup.Probe, c.Interval
}

// byHand takes over what somebody found who ran the startup check, where that is
// for people alone.
func (h *health) byHand() bool {
	if !h.known.Startup || h.k.c.Health.Startup.Interval > 0 {
		return false
	}
	found, err := life.ReadHealth(h.k.c.Dir)
	if err == nil && found.Starts == h.known.Starts && found.Restarts == h.known.Restarts {
		h.known = found
	}
	return h.known.Startup
}

// watchHealth runs the health check again and again, until end is closed.
func (k *keeper) watchHealth(p *process, end <-chan struct{}) {
	h := newHealth(k)
	if probe, _ := h.due(); probe == nil {
		return
	}
	_ = h.known.Write(k.c.Dir) // the next one may go better
	h.known.Watch(end, life.Watch{
		Due: func() (time.Duration, bool) {
			probe, pause := h.due()
			return pause, probe != nil
		},
		Skip: func() bool { return frozen(p.pid) || h.byHand() },
		Run: func() (life.Check, bool) {
			probe, _ := h.due()
			if probe == nil {
				return life.Check{}, false
			}
			return k.check(probe, end)
		},
		Judge: func(check life.Check) { h.judge(check, p, end) },
	})
}

// judge adds a check to what is known, and does what was asked for.
func (h *health) judge(check life.Check, p *process, end <-chan struct{}) {
	k := h.k
	verdict := h.known.Judge(check, h.rules, p.started)
	_ = h.known.Write(k.c.Dir)
	switch verdict {
	case life.AsBefore:
		return
	case life.StartupFailed:
		k.fails(monitor.HealthRestart, p, end)
		return
	}
	k.note("health_status", nil, map[string]string{"health_status": h.known.Status})
	if h.known.Status == life.Unhealthy {
		k.fails(k.c.Health.OnFailure, p, end)
	}
}

// check runs a check once. ok is false when the container ended meanwhile.
func (k *keeper) check(probe *monitor.Probe, end <-chan struct{}) (c life.Check, ok bool) {
	pidFile := filepath.Join(k.c.RunDir, "health.pid")
	_ = os.Remove(pidFile)
	out, err := capture.New(life.KeptOutput)
	if err != nil {
		return life.Check{Start: time.Now(), End: time.Now(), ExitCode: -1, Output: err.Error()}, true
	}
	defer func() {
		if text := strings.TrimSpace(out.Text()); c.Output == "" {
			c.Output = text
		}
	}()
	argv := append([]string{}, k.c.Runtime...)
	argv = append(argv, "exec", "--process", probe.Process, "--pid-file", pidFile, k.c.ID)
	c.Start = time.Now()
	pid, ended, err := k.reaper.start(argv, k.c.Env, []*os.File{k.null, out.File(), out.File()})
	if err != nil {
		c.End, c.ExitCode, c.Output = time.Now(), -1, err.Error()
		return c, true
	}
	limit := probe.Timeout
	if limit <= 0 {
		limit = time.Minute
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	var status syscall.WaitStatus
	late := false
	select {
	case status = <-ended:
	case <-end:
		_ = unix.Kill(-pid, unix.SIGKILL)
		<-ended
		return c, false
	case <-timer.C:
		late = true
		k.killCheck(pidFile)
		_ = unix.Kill(-pid, unix.SIGKILL)
		status = <-ended
	}
	c.End, c.ExitCode = time.Now(), status.ExitStatus()
	if late {
		c.Late(limit)
	} else if status.Signaled() {
		c.ExitCode = 128 + int(status.Signal())
	}
	return c, true
}

// killCheck ends the process of a check in the container, which the death of the
// runtime's own process does not always end.
func (k *keeper) killCheck(pidFile string) {
	pid := proc.PidFile(pidFile)
	if pid == 0 {
		return
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	// It is a descendant of ours or it is a stranger's by now.
	if parent := parentOf(pid); parent == os.Getpid() || parentOf(parent) == os.Getpid() {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
}

func parentOf(pid int) int {
	stat, _ := proc.ReadStat(pid) // one that is gone has none
	return int(stat.Number(proc.Parent))
}

// fails does what was asked for when a container is not well.
func (k *keeper) fails(action string, p *process, end <-chan struct{}) {
	switch action {
	case monitor.HealthKill:
		p.signal(unix.SIGKILL)
		return
	case monitor.HealthStop:
		if f, err := os.OpenFile(filepath.Join(k.c.RunDir, monitor.StopFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
			f.Close()
		}
	case monitor.HealthRestart:
		k.mu.Lock()
		k.again = true
		k.mu.Unlock()
	default:
		return
	}
	p.signal(syscall.Signal(k.c.StopSignal))
	select {
	case <-end:
	case <-time.After(k.c.StopTimeout):
		p.signal(unix.SIGKILL)
	}
}
