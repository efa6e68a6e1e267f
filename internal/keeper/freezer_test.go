// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"slices"
	"testing"
)

func TestFreezerFiles(t *testing.T) {
	for groups, want := range map[string][]string{
		"3:cpu,cpuacct:/c\n2:freezer:/a\n0::/u\n":  {"freezer/a/freezer.state"},
		"3:devices,freezer:/c\n":                   {"devices,freezer/c/freezer.state"},
		"4:memory:/m\n1:name=freezer:/no\n0::/u\n": {"unified/u/cgroup.events", "/u/cgroup.events"},
		"0::/a:b\n":     {"unified/a:b/cgroup.events", "/a:b/cgroup.events"},
		"4:memory:/m\n": nil,
		"\n:::\nx\n":    nil,
	} {
		if got := freezerFiles(groups); !slices.Equal(got, want) {
			t.Errorf("%q: %q", groups, got)
		}
	}
	if frozen(1) {
		t.Error("the host's first process is paused")
	}
}
