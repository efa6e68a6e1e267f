// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestStays(t *testing.T) {
	pid := fmt.Sprint(os.Getpid())
	for _, c := range []struct {
		name, groups string
		unified      bool
		want         []stay
	}{
		{"v2", "0::/user.slice/a.scope\n", true, []stay{{"/c/user.slice/a.scope/cgroup.threads", pid}}},
		{"v2 root", "0::/\n", true, []stay{{"/c/cgroup.threads", pid}}},
		{"hybrid", "3:name=systemd:/x\n2:cpu,cpuacct:/y\n1:pids:/z\n0::/x\n", false,
			[]stay{{"/c/unified/x/cgroup.threads", pid}, {"/c/cpu,cpuacct/y/cgroup.procs", "0"}}},
		{"v1", "2:name=systemd:/x\n1:memory:/a:b\n", false, []stay{{"/c/memory/a:b/cgroup.procs", "0"}}},
		{"outside of the namespace", "0::/../../x\n", true, nil},
		{"not absolute", "1:memory:x\n", false, nil},
		{"no lines", "0\n\n:\n", true, nil},
		{"none", "", true, nil},
	} {
		if got := stays(c.groups, "/c", c.unified); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// The file is written, the second only where the first cannot be.
func TestHastenWrites(t *testing.T) {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Skip("needs cgroups:", err)
	}
	root := t.TempDir()
	var files []stay
	for _, s := range stays(string(groups), root, true) {
		if err := os.MkdirAll(filepath.Dir(s.file), 0o700); err != nil {
			t.Fatal(err)
		}
		files = append(files, s)
	}
	hasten(root, true) // nothing there: nothing happens
	for _, s := range slices.Backward(files) {
		if _, err := os.Stat(s.file); err == nil {
			t.Errorf("%s was made", s.file)
		}
		if err := os.WriteFile(s.file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		hasten(root, true)
		if data, err := os.ReadFile(s.file); string(data) != s.data {
			t.Errorf("%s: %q, %v; want %q", s.file, data, err, s.data)
		}
	}
}

// On the real cgroups nothing changes.
func TestHastenChangesNothing(t *testing.T) {
	before, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Skip("needs cgroups:", err)
	}
	hasten("/sys/fs/cgroup", cgroup2())
	if after, err := os.ReadFile("/proc/self/cgroup"); err != nil || string(after) != string(before) {
		t.Errorf("cgroups after: %s, %v; before: %s", after, err, before)
	}
}
