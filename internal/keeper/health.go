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
	"github.com/tug-containers/tug/libexec/monitor"
	"golang.org/x/sys/unix"
)

// watchHealth runs the health check again and again, until end is closed.
func (k *keeper) watchHealth(p *process, end <-chan struct{}) {
	h := life.Health{Starts: k.c.Starts, Restarts: k.restarts, Status: life.Starting}
	_ = h.Write(k.c.Dir) // the next one may go better
	for {
		select {
		case <-end:
			return
		case <-time.After(k.c.Health.Interval):
		}
		if frozen(p.pid) {
			continue
		}
		check, ok := k.check(end)
		if !ok {
			return
		}
		if frozen(p.pid) {
			continue // it was paused meanwhile
		}
		was := h.Status
		counts := h.Status != life.Starting || check.End.Sub(p.started) >= k.c.Health.StartPeriod
		h.Add(check, counts, k.c.Health.Retries)
		_ = h.Write(k.c.Dir)
		if h.Status == was {
			continue
		}
		k.note("health_status", nil, map[string]string{"health_status": h.Status})
		if h.Status == life.Unhealthy {
			k.unhealthy(p, end)
		}
	}
}

// check runs the check once. ok is false when the container ended meanwhile.
func (k *keeper) check(end <-chan struct{}) (c life.Check, ok bool) {
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
	argv = append(argv, "exec", "--process", k.c.Health.Process, "--pid-file", pidFile, k.c.ID)
	c.Start = time.Now()
	pid, ended, err := k.reaper.start(argv, k.c.Env, []*os.File{k.null, out.File(), out.File()})
	if err != nil {
		c.End, c.ExitCode, c.Output = time.Now(), -1, err.Error()
		return c, true
	}
	limit := k.c.Health.Timeout
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
		c.ExitCode, c.Output = -1, "the health check took longer than "+limit.String()
	} else if status.Signaled() {
		c.ExitCode = 128 + int(status.Signal())
	}
	return c, true
}

// killCheck ends the process of a check in the container, which the death of the
// runtime's own process does not always end.
func (k *keeper) killCheck(pidFile string) {
	pid := readPid(pidFile)
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

// unhealthy does what was asked for when a container becomes so.
func (k *keeper) unhealthy(p *process, end <-chan struct{}) {
	switch k.c.Health.OnFailure {
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
