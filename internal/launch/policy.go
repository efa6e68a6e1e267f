// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libexec/monitor"
)

// ParseRestart reads a restart policy.
func ParseRestart(s string) (monitor.Restart, error) {
	policy, times, limited := strings.Cut(s, ":")
	r := monitor.Restart{Policy: policy}
	bad := errclass.New(errclass.Usage, "--restart", fmt.Errorf("--restart %q: must be no, on-failure[:TIMES], always or unless-stopped", s))
	switch policy {
	case "":
		r.Policy = monitor.RestartNo
	case monitor.RestartNo, monitor.RestartAlways, monitor.RestartUnlessStopped, monitor.RestartOnFailure:
	default:
		return r, bad
	}
	if !limited {
		return r, nil
	}
	n, err := strconv.Atoi(times)
	if err != nil || n < 0 || policy != monitor.RestartOnFailure {
		return r, bad
	}
	r.Max = n
	return r, nil
}
