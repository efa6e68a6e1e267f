// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"os"
	"testing"
)

const (
	hybrid = "9:name=systemd:/a\n3:cpu,cpuacct:/pods/tug-abc\n2:memory:/pods/tug-abc/inner\n0::/user.slice\n"
	only2  = "0::/user.slice/tug-abc\n"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		lines      string
		unified    bool
		controller string
		dir        string
		v2         bool
		named      string
	}{
		{hybrid, false, "cpuacct", "/c/cpu,cpuacct/pods/tug-abc", false, ""},
		{hybrid, false, "memory", "/c/memory/pods/tug-abc/inner", false, ""},
		{hybrid, false, "pids", "/c/unified/user.slice", true, ""},
		{only2, true, "memory", "/c/user.slice/tug-abc", true, "/c/user.slice/tug-abc"},
		{"nonsense\n", true, "memory", "", true, ""},
	} {
		g, err := parse(tc.lines, "/c", tc.unified)
		if err != nil {
			t.Fatal(err)
		}
		if dir, v2 := g.dir(tc.controller); dir != tc.dir || v2 != tc.v2 {
			t.Errorf("%s of %q: %s, %v", tc.controller, tc.lines, dir, v2)
		}
		if named := g.named("abc"); tc.named != "" && named != tc.named {
			t.Errorf("%q: named %s", tc.lines, named)
		}
		if named := g.named("xyz"); named != "" {
			t.Errorf("%q: %s is named xyz", tc.lines, named)
		}
	}
	for _, lines := range []string{"0::/../../x\n", "0::relative\n"} {
		if _, err := parse(lines, "/c", true); err == nil {
			t.Errorf("%q is accepted", lines)
		}
	}
}

func TestOf(t *testing.T) {
	if _, err := Of(os.Getpid()); err != nil {
		t.Error(err)
	}
	if _, err := Of(1 << 30); err == nil {
		t.Error("a process that is not there has cgroups")
	}
}
