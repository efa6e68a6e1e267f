// SPDX-License-Identifier: Apache-2.0

package life

import (
	"strings"
	"time"
)

// keptChecks is how many checks are kept, as podman does.
const keptChecks = 5

// KeptOutput is how many bytes are kept of what a check prints.
const KeptOutput = 500

// Rules are how the runs of a health check are judged.
type Rules struct {
	// StartPeriod is the time from the start in which a failure does not count,
	// and Retries how many in a row make a container unhealthy.
	StartPeriod time.Duration
	Retries     int
	// StartupSuccesses is how often in a row the startup check must succeed, at
	// least once, and StartupRetries after how many failures in a row the
	// container is started again; 0 is never.
	StartupSuccesses, StartupRetries int
}

// Verdict is what a container has come to by a run of its check.
type Verdict string

// The verdicts, beside those that are a new state: Healthy and Unhealthy.
const (
	AsBefore      Verdict = ""
	StartupFailed Verdict = "startup failed"
)

// Judge adds a run of the check to what is known: of the startup check, until that
// has succeeded. started is when the container was.
func (h *Health) Judge(c Check, r Rules, started time.Time) Verdict {
	h.keep(c)
	if h.Startup {
		return h.judgeStartup(c, r)
	}
	was := h.Status
	switch {
	case c.ExitCode == 0:
		h.Status, h.FailingStreak = Healthy, 0
	case was != Starting || c.End.Sub(started) >= r.StartPeriod:
		if h.FailingStreak++; h.FailingStreak >= r.Retries {
			h.Status = Unhealthy
		}
	}
	if h.Status == was {
		return AsBefore
	}
	return Verdict(h.Status)
}

func (h *Health) judgeStartup(c Check, r Rules) Verdict {
	if c.ExitCode == 0 {
		h.FailingStreak = 0
		if h.Successes++; h.Successes >= r.StartupSuccesses {
			h.Startup, h.Successes = false, 0
		}
		return AsBefore
	}
	h.Successes = 0
	if h.FailingStreak++; r.StartupRetries > 0 && h.FailingStreak >= r.StartupRetries {
		return StartupFailed
	}
	return AsBefore
}

func (h *Health) keep(c Check) {
	if len(c.Output) > KeptOutput {
		c.Output = c.Output[:KeptOutput]
	}
	c.Output = strings.ToValidUTF8(c.Output, "")
	h.Log = append(h.Log, c)
	if len(h.Log) > keptChecks {
		h.Log = append([]Check{}, h.Log[len(h.Log)-keptChecks:]...)
	}
}

// A Watch is how the check of a container is run again and again.
type Watch struct {
	// Due says how long to wait for the next run; with false there is none.
	Due func() (pause time.Duration, more bool)
	// Skip tells that this is no time for a check, as when the container is paused.
	Skip func() bool
	// Run runs the check; with false the container has ended meanwhile.
	Run func() (c Check, alive bool)
	// Judge is told what a run has found.
	Judge func(c Check)
}

// Watch runs the check until end is closed. When the startup check has succeeded, the
// other one is run at once.
func (h *Health) Watch(end <-chan struct{}, w Watch) {
	up := false // just now
	for {
		pause, more := w.Due()
		if !more {
			return
		}
		if up {
			pause = 0
		}
		select {
		case <-end:
			return
		case <-time.After(pause):
		}
		if w.Skip() {
			continue
		}
		check, alive := w.Run()
		if !alive {
			return
		}
		if w.Skip() {
			continue // it was paused meanwhile
		}
		starting := h.Startup
		w.Judge(check)
		up = starting && !h.Startup
	}
}

// Late makes c a check that has not ended in its time, which is a failed one.
func (c *Check) Late(limit time.Duration) {
	c.ExitCode, c.Output = -1, "the health check took longer than "+limit.String()
}
