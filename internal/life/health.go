// SPDX-License-Identifier: Apache-2.0

package life

import "strings"

// What is kept of the checks, as podman does.
const (
	keptChecks = 5
	keptOutput = 500
)

// Add adds a run of the check to what is known. A failure that does not count is
// kept, and changes nothing; after retries others in a row the container is
// unhealthy.
func (h *Health) Add(c Check, counts bool, retries int) {
	if len(c.Output) > keptOutput {
		c.Output = c.Output[:keptOutput]
	}
	c.Output = strings.ToValidUTF8(c.Output, "")
	h.Log = append(h.Log, c)
	if len(h.Log) > keptChecks {
		h.Log = append([]Check{}, h.Log[len(h.Log)-keptChecks:]...)
	}
	switch {
	case c.ExitCode == 0:
		h.Status, h.FailingStreak = Healthy, 0
	case counts:
		if h.FailingStreak++; h.FailingStreak >= retries {
			h.Status = Unhealthy
		}
	}
}
