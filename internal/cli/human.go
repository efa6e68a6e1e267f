// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strconv"
	"time"
)

// Size gives bytes as podman does: powers of 1000, three digits.
func Size(bytes int64) string { return size(bytes, 3, " ") }

// LongSize has four digits and no blank, as podman has it for disk usage.
func LongSize(bytes int64) string { return size(bytes, 4, "") }

func size(bytes int64, digits int, gap string) string {
	if bytes < 0 {
		return "?"
	}
	units := [...]string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	size, unit := float64(bytes), 0
	for size >= 1000 && unit < len(units)-1 {
		size /= 1000
		unit++
	}
	return strconv.FormatFloat(size, 'g', digits, 64) + gap + units[unit]
}

// CompactSize is Size without the blank, as podman has it beside other words.
func CompactSize(bytes int64) string { return size(bytes, 3, "") }

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
	return Duration(d) + " ago"
}

// Duration says a length of time in one unit, with podman's words.
func Duration(d time.Duration) string {
	hours := int(d.Hours() + 0.5)
	switch {
	case d < time.Second:
		return "Less than a second"
	case d < 2*time.Second:
		return "1 second"
	case d < time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	case d < 2*time.Minute:
		return "About a minute"
	case d < time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case hours == 1:
		return "About an hour"
	case hours < 48:
		return fmt.Sprintf("%d hours", hours)
	case hours < 24*14:
		return fmt.Sprintf("%d days", hours/24)
	case hours < 24*60:
		return fmt.Sprintf("%d weeks", hours/24/7)
	case hours < 24*365*2:
		return fmt.Sprintf("%d months", hours/24/30)
	}
	return fmt.Sprintf("%d years", int(d.Hours())/24/365)
}
