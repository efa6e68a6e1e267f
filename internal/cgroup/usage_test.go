// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestUsage(t *testing.T) {
	one := write(t, map[string]string{
		"cpu,cpuacct/pods/tug-abc/cpuacct.usage":                  "7000000\n",
		"cpu,cpuacct/pods/tug-abc/cpuacct.usage_sys":              "2000000\n",
		"memory/pods/tug-abc/memory.usage_in_bytes":               "10000\n",
		"memory/pods/tug-abc/memory.stat":                         "inactive_file 1\ntotal_inactive_file 4000\n",
		"memory/pods/tug-abc/memory.limit_in_bytes":               "50000\n",
		"blkio/tug-abc/blkio.throttle.io_service_bytes_recursive": "8:0 Read 100\n8:0 Write 50\n8:0 Total 150\n8:16 Read 1\nTotal 151\n",
		"pids/tug-abc/pids.current":                               "3\n",
		"unified/user.slice/cpu.stat":                             "usage_usec 999\n",
	})
	two := write(t, map[string]string{
		"x/tug-abc/cpu.stat":       "usage_usec 7000\nuser_usec 5000\nsystem_usec 2000\n",
		"x/tug-abc/memory.current": "10000\n",
		"x/tug-abc/memory.stat":    "anon 5\ninactive_file 4000\n",
		"x/tug-abc/memory.max":     "50000\n",
		"x/tug-abc/io.stat":        "8:0 rbytes=100 wbytes=50 rios=1\n8:16 rbytes=1 wbytes=0\n\n",
		"x/tug-abc/pids.current":   "3\n",
	})
	want := Usage{CPU: 7 * time.Millisecond, System: 2 * time.Millisecond, Memory: 6000, MemoryLimit: 50000, Pids: 3, Read: 101, Written: 50}
	for _, tc := range []struct {
		root, lines string
		unified     bool
	}{
		{one, "5:pids:/tug-abc\n4:blkio:/tug-abc\n3:cpu,cpuacct:/pods/tug-abc\n2:memory:/pods/tug-abc/inner\n0::/user.slice\n", false},
		{two, "0::/x/tug-abc\n", true},
	} {
		g, err := parse(tc.lines, tc.root, tc.unified)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := g.Usage("abc"); err != nil || got != want {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := g.Usage("xyz"); !errors.Is(err, ErrNone) {
			t.Errorf("another one's: %v", err)
		}
	}
}
