// SPDX-License-Identifier: Apache-2.0

package life

import (
	"strings"
	"testing"
	"time"
)

func TestHealthJudge(t *testing.T) {
	h := Health{Status: Starting}
	for i, step := range []struct {
		code   int
		counts bool
		status string
		streak int
	}{
		{1, false, Starting, 0},
		{1, true, Starting, 1},
		{1, true, Unhealthy, 2},
		{1, true, Unhealthy, 3},
		{0, true, Healthy, 0},
		{1, true, Healthy, 1},
		{-1, true, Unhealthy, 2},
		{0, false, Healthy, 0},
	} {
		started := time.Time{}
		if !step.counts {
			started = time.Now()
		}
		was := h.Status
		verdict := h.Judge(Check{End: time.Now(), ExitCode: step.code, Output: strings.Repeat("ä", 300)}, Rules{Retries: 2, StartPeriod: time.Hour}, started)
		if want := Verdict(h.Status); verdict != want && (verdict != AsBefore || h.Status != was) {
			t.Errorf("step %d: %s, %q", i, want, verdict)
		}
		if h.Status != step.status || h.FailingStreak != step.streak {
			t.Errorf("step %d: %s, %d", i, h.Status, h.FailingStreak)
		}
	}
	if len(h.Log) != keptChecks || len(h.Log[0].Output) != KeptOutput {
		t.Errorf("kept: %d checks, %d bytes", len(h.Log), len(h.Log[0].Output))
	}
	h.Judge(Check{Output: strings.Repeat("a", KeptOutput-1) + "ä"}, Rules{Retries: 2}, time.Time{})
	if out := h.Log[keptChecks-1].Output; len(out) != KeptOutput-1 {
		t.Errorf("half a character is kept: %d bytes", len(out))
	}
}

func TestHealthStartup(t *testing.T) {
	h := Health{Status: Starting, Startup: true}
	rules := Rules{Retries: 1, StartupSuccesses: 2, StartupRetries: 3}
	for i, step := range []struct {
		code    int
		startup bool
		status  string
		verdict Verdict
	}{
		{1, true, Starting, AsBefore},
		{1, true, Starting, AsBefore},
		{0, true, Starting, AsBefore},
		{1, true, Starting, AsBefore}, // not in a row
		{1, true, Starting, AsBefore},
		{1, true, Starting, StartupFailed},
		{0, true, Starting, AsBefore},
		{0, false, Starting, AsBefore},
		{0, false, Healthy, Verdict(Healthy)},
		{1, false, Unhealthy, Verdict(Unhealthy)}, // from here on as ever
	} {
		verdict := h.Judge(Check{ExitCode: step.code, End: time.Now()}, rules, time.Time{})
		if h.Startup != step.startup || h.Status != step.status || verdict != step.verdict {
			t.Errorf("step %d: %v, %s, %q", i, h.Startup, h.Status, verdict)
		}
	}
	h = Health{Status: Starting, Startup: true}
	for range 100 {
		if verdict := h.Judge(Check{ExitCode: 1}, Rules{}, time.Time{}); verdict != AsBefore {
			t.Fatalf("without a limit: %q", verdict)
		}
	}
	if h.Judge(Check{}, Rules{}, time.Time{}); h.Startup {
		t.Error("one success is enough unless told otherwise")
	}
}

// TestWatch: what is paused is not judged, and the other check follows at once when the
// container is up.
func TestWatch(t *testing.T) {
	h := &Health{Status: Starting, Startup: true}
	var pauses, runs, skips int
	h.Watch(make(chan struct{}), Watch{
		Due: func() (time.Duration, bool) {
			if pauses++; !h.Startup {
				return time.Hour, true // which nobody waits for
			}
			return time.Microsecond, true
		},
		Skip: func() bool {
			skips++
			return skips == 1 || skips == 3 // before a run, and after one
		},
		Run: func() (Check, bool) {
			runs++
			return Check{}, runs < 3
		},
		Judge: func(c Check) { h.Judge(c, Rules{}, time.Now()) },
	})
	if runs != 3 || pauses != 4 || h.Startup || len(h.Log) != 1 {
		t.Errorf("%d runs after %d pauses: %+v", runs, pauses, h)
	}
	ended := make(chan struct{})
	close(ended)
	h.Watch(ended, Watch{Due: func() (time.Duration, bool) { return time.Hour, true }})
	h.Watch(nil, Watch{Due: func() (time.Duration, bool) { return 0, false }})
}
