// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseTime reads a point in time as --since and --until have it: a duration
// before now, seconds since 1970 with a fraction or without, or a date, which
// is local where it names no zone.
func ParseTime(s string, now time.Time) (time.Time, error) {
	if t, ok := parseSeconds(s); ok {
		return t, nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02T15",
		"2006-01-02 15:04:05.999999999", "2006-01-02Z07:00", "2006-01-02",
	} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a time nor a duration", s)
}

func parseSeconds(s string) (time.Time, bool) {
	whole, fraction, fractional := strings.Cut(s, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || !fractional {
		return time.Unix(seconds, 0), err == nil
	}
	if len(fraction) > 9 {
		return time.Time{}, false
	}
	nanos, err := strconv.ParseUint(fraction+strings.Repeat("0", 9-len(fraction)), 10, 64)
	return time.Unix(seconds, int64(nanos)), err == nil
}
