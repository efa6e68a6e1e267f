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

// Command is the argument list of the check.
func (h *HealthCheck) Command() []string {
	switch h.Test[0] {
	case HealthArgs:
		return h.Test[1:]
	case HealthShell:
		return []string{"/bin/sh", "-c", strings.Join(h.Test[1:], " ")}
	}
	return h.Test // so do other tools
}

// none tells that there is nothing to run.
func (h *HealthCheck) none() bool {
	return h == nil || len(h.Test) == 0 || h.Test[0] == "" || h.Test[0] == HealthNone || len(h.Command()) == 0
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
	if h.none() {
		return nil, nil
	}
	// An image does not decide what happens to its container, nor that the check
	// is not run; and what makes no sense in it is as if it were not there.
	h.OnFailure = ""
	h.Interval, h.Timeout, h.StartPeriod = max(h.Interval, 0), max(h.Timeout, 0), max(h.StartPeriod, 0)
	h.Retries = min(max(h.Retries, 0), math.MaxInt32)
	return h, nil
}

// resolveHealth lays what was asked for over what the image has. Nil is no
// check.
func resolveHealth(asked, image *HealthCheck) (*HealthCheck, error) {
	var h HealthCheck
	switch {
	case asked != nil && len(asked.Test) > 0 && asked.none():
		return nil, nil
	case asked != nil && len(asked.Test) > 0:
		h = *asked
	case image.none() && asked == nil:
		return nil, nil
	case image.none():
		return nil, errclass.New(errclass.Usage, "--health-cmd", errors.New("neither --health-cmd nor the image has a health check"))
	default:
		h = *image
		if asked != nil {
			h.over(asked)
		}
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
	h.OnFailure = first(o.OnFailure, h.OnFailure)
}

// first gives the first value that is not zero.
func first[T comparable](values ...T) T {
	var zero T
	if i := slices.IndexFunc(values, func(v T) bool { return v != zero }); i >= 0 {
		return values[i]
	}
	return zero
}

// healthFile is the process of the check, in the run directory.
const healthFile = "health-check.json"

// health writes the process of the check, and tells the monitor of it; nil when
// there is none.
func (l *launcher) health() (*monitor.Health, error) {
	h := l.o.Health
	if h.none() {
		return nil, nil
	}
	c := l.container
	process, err := libexec.NewExecProcess(l.spec.Process, "", libexec.ExecProcess{Args: h.Command()})
	if err != nil {
		return nil, fmt.Errorf("container %s: health check: %w", c.ID(), err)
	}
	data, err := json.Marshal(process)
	if err != nil {
		return nil, fmt.Errorf("internal error: container %s: health check: %w", c.ID(), err)
	}
	file := filepath.Join(c.RunDir(), healthFile)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return nil, fmt.Errorf("container %s: %w", c.ID(), err)
	}
	return &monitor.Health{
		Process: file, Interval: max(h.Interval, 0), Timeout: h.Timeout,
		StartPeriod: h.StartPeriod, Retries: h.Retries, OnFailure: h.OnFailure,
	}, nil
}
