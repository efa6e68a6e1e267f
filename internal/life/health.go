// SPDX-License-Identifier: Apache-2.0

package life

import "strings"

// keptChecks is how many checks are kept, as podman does.
const keptChecks = 5

// KeptOutput is how many bytes are kept of what a check prints.
const KeptOutput = 500

// Add adds a run of the check to what is known. A failure that does not count is
// kept, and changes nothing; after retries others in a row the container is
// unhealthy.
func (h *Health) Add(c Check, counts bool, retries int) {
	if len(c.Output) > KeptOutput {
		c.Output = c.Output[:KeptOutput]
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
