// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// kernel looks at the version: processes are held by descriptor (5.3), and
// users mount an overlay of their own (5.11).
func kernel(_ context.Context, _ *View) Finding {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return broken("", "uname: %v", err)
	}
	release := unix.ByteSliceToString(u.Release[:])
	switch have := versionOf(release); {
	case have.less(version{5, 3}):
		return broken("", "Linux %s is older than 5.3, which is the least that works: install a newer kernel", release)
	case have.less(version{5, 11}):
		return limited("", "Linux %s is older than 5.11: users need fuse-overlayfs for an overlay", release)
	case have.less(version{5, 19}):
		return limited("", "Linux %s is older than 5.19: no idmapped overlay, so that --userns=auto copies images", release)
	default:
		return ok("Linux %s", release)
	}
}

// version is the numbers that a version begins with.
type version [3]int

func versionOf(s string) version {
	var v version
	// What follows the numbers, and a missing one, is no fault.
	_, _ = fmt.Sscanf(s, "%d.%d.%d", &v[0], &v[1], &v[2])
	return v
}

func (v version) less(than version) bool {
	for i := range v {
		if v[i] != than[i] {
			return v[i] < than[i]
		}
	}
	return false
}

// namespaces looks for the kinds that every container has.
func namespaces(_ context.Context, _ *View) Finding {
	var missing []string
	for _, kind := range []string{"mnt", "pid", "net", "ipc", "uts"} {
		if _, err := os.Lstat("/proc/self/ns/" + kind); err != nil {
			missing = append(missing, kind)
		}
	}
	if missing != nil {
		return broken("", "this kernel has no namespaces of the kind %s: install one with CONFIG_NAMESPACES, or mount /proc", strings.Join(missing, ", "))
	}
	if _, err := os.Lstat("/proc/self/ns/cgroup"); err != nil {
		return limited("", "this kernel has no cgroup namespaces: containers see the cgroups of the host")
	}
	return ok("mnt pid net ipc uts cgroup")
}

func readSetting(file string) (string, bool) {
	data, err := os.ReadFile(file)
	return strings.TrimSpace(string(data)), err == nil
}
