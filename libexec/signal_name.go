// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ParseSignal reads a signal as people and images write it: SIGTERM, TERM,
// term, 15, SIGRTMIN+3. The empty string is 0, for none.
func ParseSignal(s string) (syscall.Signal, error) {
	if s == "" {
		return 0, nil
	}
	if n, err := strconv.Atoi(s); err == nil {
		if n < 1 || n > 64 {
			return 0, optionError(s, "signal %q: not between 1 and 64", shorten(s))
		}
		return syscall.Signal(n), nil
	}
	name := strings.ToUpper(s)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if sig := unix.SignalNum(name); sig != 0 {
		return sig, nil
	}
	// signal(7): the C library keeps the first two real-time signals.
	const realTimeMin, realTimeMax = 34, 64
	for prefix, base := range map[string]int{"SIGRTMIN": realTimeMin, "SIGRTMAX": realTimeMax} {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		offset, err := strconv.Atoi(rest)
		if n := base + offset; (err == nil || rest == "") && n >= realTimeMin && n <= realTimeMax {
			return syscall.Signal(n), nil
		}
	}
	return 0, optionError(s, "signal %q: not a signal", shorten(s))
}
