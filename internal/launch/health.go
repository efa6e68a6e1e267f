// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/life"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libexec/monitor"
)

// HealthCheck is a health check as it was asked for. What is zero is the
// image's, and else the default; in a record nothing is left open.
type HealthCheck struct {
	// Test is CMD and arguments, CMD-SHELL and a script, or NONE.
	Test []string `json:"test,omitzero"`
	// Interval is the time between two checks; HealthManual: only when somebody
	// asks.
	Interval time.Duration `json:"interval,omitzero"`
	Timeout  time.Duration `json:"timeout,omitzero"`
	// StartPeriod is the time in which a failure does not count.
	StartPeriod time.Duration `json:"startPeriod,omitzero"`
	// Retries is how many failures in a row make a container unhealthy, and
	// OnFailure what happens then.
	Retries   int    `json:"retries,omitzero"`
	OnFailure string `json:"onFailure,omitzero"`
	// Startup is run in its place until it has succeeded; nil for none.
	Startup *StartupCheck `json:"startup,omitzero"`
}

// StartupCheck is a check of whether a container is up. What is zero is the
// default; in a record nothing is left open.
type StartupCheck struct {
	Test     []string      `json:"test"`
	Interval time.Duration `json:"interval,omitzero"` // as that of HealthCheck
	Timeout  time.Duration `json:"timeout,omitzero"`
	// Retries is after how many failures in a row the container is started again; 0
	// is never. Successes is how often in a row it must succeed, at least once.
	Retries   int `json:"retries,omitzero"`
	Successes int `json:"successes,omitzero"`
}

// HealthManual is the Interval of a check that runs only when somebody asks.
const HealthManual time.Duration = -1

// The first words of HealthCheck.Test.
const (
	HealthNone  = "NONE"
	HealthArgs  = "CMD"
	HealthShell = "CMD-SHELL"
)

const (
	healthInterval = 30 * time.Second
	healthTimeout  = 30 * time.Second
	healthRetries  = 3
)

// command is the argument list of a check.
func command(test []string) []string {
	switch test[0] {
	case HealthArgs:
		return test[1:]
	case HealthShell:
		return []string{"/bin/sh", "-c", strings.Join(test[1:], " ")}
	}
	return test // so do other tools
}

// empty tells that a test is none.
func empty(test []string) bool {
	return len(test) == 0 || test[0] == "" || test[0] == HealthNone || len(command(test)) == 0
}

// None tells that there is nothing to run.
func (h *HealthCheck) None() bool { return h == nil || empty(h.Test) }

// restarts tells that a container which is not well may be started again.
func (h *HealthCheck) restarts() bool {
	return h != nil && (h.OnFailure == monitor.HealthRestart || h.Startup != nil && h.Startup.Retries > 0)
}

// manual tells that somebody is to run it by hand.
func (h *HealthCheck) manual() bool {
	return h != nil && (h.Interval == HealthManual || h.Startup != nil && h.Startup.Interval == HealthManual)
}

// rules are how the check's runs are judged.
func (h *HealthCheck) rules() life.Rules {
	r := life.Rules{StartPeriod: h.StartPeriod, Retries: h.Retries}
	if h.Startup != nil {
		r.StartupRetries, r.StartupSuccesses = h.Startup.Retries, h.Startup.Successes
	}
	return r
}

// probe is a check that is run.
type probe struct {
	command           []string
	interval, timeout time.Duration
}

// due is the check whose turn it is.
func (h *HealthCheck) due(known *life.Health) probe {
	if s := h.Startup; known.Startup && s != nil {
		return probe{command(s.Test), s.Interval, s.Timeout}
	}
	return probe{command(h.Test), h.Interval, h.Timeout}
}

// imageHealth reads the health check of an image, which docker's config has
// and OCI's has not; nil when there is none.
func imageHealth(raw []byte) (*HealthCheck, error) {
	if !bytes.Contains(raw, []byte(`"Healthcheck"`)) {
		return nil, nil
	}
	var config struct {
		Config struct{ Healthcheck *HealthCheck } `json:"config"`
	}
	if err := json.Unmarshal(raw, &config); err != nil {
		return nil, fmt.Errorf("image: health check: %w", err)
	}
	h := config.Config.Healthcheck
	if h.None() {
		return nil, nil
	}
	// An image does not decide what happens to its container, nor that the check
	// is not run; and what makes no sense in it is as if it were not there.
	h.OnFailure, h.Startup = "", nil
	h.Interval, h.Timeout, h.StartPeriod = max(h.Interval, 0), max(h.Timeout, 0), max(h.StartPeriod, 0)
	h.Retries = min(max(h.Retries, 0), math.MaxInt32)
	return h, nil
}

// resolveHealth lays what was asked for over what the image has. Nil is no
// check.
func resolveHealth(asked, image *HealthCheck) (*HealthCheck, error) {
	var h HealthCheck
	switch {
	case asked != nil && len(asked.Test) > 0 && asked.None():
		return nil, nil
	case asked != nil && len(asked.Test) > 0:
		h = *asked
	case image.None() && asked == nil:
		return nil, nil
	case image.None():
		return nil, errclass.New(errclass.Usage, "--health-cmd", errors.New("neither --health-cmd nor the image has a health check"))
	default:
		h = *image
		if asked != nil {
			h.over(asked)
		}
	}
	if s := h.Startup; s != nil {
		up := *s
		up.Interval, up.Timeout = first(s.Interval, healthInterval), first(s.Timeout, healthTimeout)
		h.Startup = &up
	}
	h.over(&HealthCheck{
		Interval: first(h.Interval, healthInterval), Timeout: first(h.Timeout, healthTimeout),
		Retries: first(h.Retries, healthRetries), OnFailure: first(h.OnFailure, monitor.HealthNone),
	})
	return &h, nil
}

// over takes what is set in another check.
func (h *HealthCheck) over(o *HealthCheck) {
	h.Interval, h.Timeout = first(o.Interval, h.Interval), first(o.Timeout, h.Timeout)
	h.StartPeriod, h.Retries = first(o.StartPeriod, h.StartPeriod), first(o.Retries, h.Retries)
	h.OnFailure, h.Startup = first(o.OnFailure, h.OnFailure), first(o.Startup, h.Startup)
}

// first gives the first value that is not zero.
func first[T comparable](values ...T) T {
	var zero T
	if i := slices.IndexFunc(values, func(v T) bool { return v != zero }); i >= 0 {
		return values[i]
	}
	return zero
}

// The processes of the checks, in the run directory.
const (
	healthFile  = "health-check.json"
	startupFile = "startup-check.json"
)

// health writes the processes of the check, and tells the monitor of it; nil when
// there is none.
func (l *launcher) health() (*monitor.Health, error) {
	h := l.o.Health
	if h.None() {
		return nil, nil
	}
	m := &monitor.Health{StartPeriod: h.StartPeriod, Retries: h.Retries, OnFailure: h.OnFailure}
	var err error
	if m.Probe, err = l.probe(healthFile, h.due(&life.Health{})); err != nil {
		return nil, err
	}
	if s := h.Startup; s != nil {
		m.Startup = &monitor.Startup{Retries: s.Retries, Successes: s.Successes}
		m.Startup.Probe, err = l.probe(startupFile, h.due(&life.Health{Startup: true}))
	}
	return m, err
}

func (l *launcher) probe(name string, p probe) (monitor.Probe, error) {
	m := monitor.Probe{Process: filepath.Join(l.container.RunDir(), name), Interval: max(p.interval, 0), Timeout: p.timeout}
	process, err := libexec.NewExecProcess(l.spec.Process, "", libexec.ExecProcess{Args: p.command})
	var data []byte
	if err == nil {
		data, err = json.Marshal(process)
	}
	if err == nil {
		err = os.WriteFile(m.Process, data, 0o600)
	}
	if err != nil {
		err = fmt.Errorf("container %s: health check: %w", l.container.ID(), err)
	}
	return m, err
}
