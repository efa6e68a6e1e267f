// SPDX-License-Identifier: Apache-2.0

package life

import (
	"strings"
	"testing"
)

func TestHealthAdd(t *testing.T) {
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
		h.Add(Check{ExitCode: step.code, Output: strings.Repeat("ä", 300)}, step.counts, 2)
		if h.Status != step.status || h.FailingStreak != step.streak {
			t.Errorf("step %d: %s, %d", i, h.Status, h.FailingStreak)
		}
	}
	if len(h.Log) != keptChecks || len(h.Log[0].Output) != KeptOutput {
		t.Errorf("kept: %d checks, %d bytes", len(h.Log), len(h.Log[0].Output))
	}
	h.Add(Check{Output: strings.Repeat("a", KeptOutput-1) + "ä"}, true, 2)
	if out := h.Log[keptChecks-1].Output; len(out) != KeptOutput-1 {
		t.Errorf("half a character is kept: %d bytes", len(out))
	}
}
