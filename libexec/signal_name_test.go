// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"syscall"
	"testing"
)

func TestParseSignal(t *testing.T) {
	for in, want := range map[string]syscall.Signal{
		"": 0, "SIGTERM": 15, "TERM": 15, "term": 15, "15": 15, "sigkill": 9,
		"SIGRTMIN": 34, "RTMIN+3": 37, "SIGRTMAX-1": 63, "64": 64,
	} {
		if got, err := ParseSignal(in); got != want || err != nil {
			t.Errorf("ParseSignal(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"0", "65", "-1", "SIGNOSUCH", "RTMIN+40", "RTMAX+1", "RTMINx", "\x00"} {
		if got, err := ParseSignal(in); !errors.Is(err, ErrOption) {
			t.Errorf("ParseSignal(%q) = %d, %v; want ErrOption", in, got, err)
		}
	}
}
