// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"os"
	"runtime/debug"
	"strconv"
	"time"
)

// builtAt is when the program was made: no clock that is right can be before.
func builtAt() time.Time {
	var built time.Time
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.time" {
				built, _ = time.Parse(time.RFC3339, s.Value) // without it, the file's
			}
		}
	}
	if info, err := os.Stat("/proc/self/exe"); err == nil && info.ModTime().After(built) {
		built = info.ModTime()
	}
	return built
}

// setClock asks for the time; a board without a battery has none at its start.
const setClock = "timedatectl set-ntp true"

// slack is for clocks that are a little wrong, here or where it was built.
const slack = 24 * time.Hour

func clock(_ context.Context, v *View) Finding {
	if v.now.Before(v.built.Add(-slack)) {
		return broken(v.sudo(setClock), "it is %s here, and this program was made %s: no certificate is valid yet",
			v.now.UTC().Format(time.DateOnly), v.built.UTC().Format(time.DateOnly))
	}
	return ok("%s", v.now.UTC().Format(time.RFC3339))
}

// rtc looks at the clock that the next boot begins with.
func rtc(_ context.Context, v *View) Finding {
	text, there := readSetting("/sys/class/rtc/rtc0/since_epoch")
	seconds, err := strconv.ParseInt(text, 10, 64)
	if !there || err != nil {
		return ok("none")
	}
	now := time.Unix(seconds, 0)
	if now.Before(v.built.Add(-slack)) {
		return limited(v.sudo("hwclock --systohc"), "it says %s, and this program was made %s: the next boot begins with a wrong time",
			now.UTC().Format(time.DateOnly), v.built.UTC().Format(time.DateOnly))
	}
	return ok("%s", now.UTC().Format(time.RFC3339))
}
