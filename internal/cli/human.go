// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strconv"
	"time"
)

// Size gives bytes as podman does: powers of 1000, three digits.
func Size(bytes int64) string {
	if bytes < 0 {
		return "?"
	}
	units := [...]string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	size, unit := float64(bytes), 0
	for size >= 1000 && unit < len(units)-1 {
		size /= 1000
		unit++
	}
	return strconv.FormatFloat(size, 'g', 3, 64) + " " + units[unit]
}

// Ago says how long before now something was. The time comes from an image,
// so it may be any.
func Ago(t, now time.Time) string {
	if t.IsZero() || t.Year() < 1970 {
		return "unknown"
	}
	d := now.Sub(t)
	if d < -time.Minute {
		return "in the future"
	}
	hours := int(d.Hours())
	switch {
	case d < time.Second:
		return "Less than a second ago"
	case d < time.Minute:
		return count(int(d.Seconds()), "second")
	case d < time.Hour:
		return count(int(d.Minutes()), "minute")
	case hours < 48:
		return count(hours, "hour")
	case hours < 24*14:
		return count(hours/24, "day")
	case hours < 24*60:
		return count(hours/24/7, "week")
	case hours < 24*365*2:
		return count(hours/24/30, "month")
	}
	return count(hours/24/365, "year")
}

func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit + " ago"
	}
	return fmt.Sprintf("%d %ss ago", n, unit)
}
