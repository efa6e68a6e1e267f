// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"testing"
	"time"

	"github.com/tug-containers/tug/internal/cgroup"
)

func TestScaled(t *testing.T) {
	for n, want := range map[uint64]string{0: "0B", 999: "999B", 417800: "417.8kB", 25280000000: "25.28GB", 1 << 63: "9.223EB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	if got := binarySize(1536); got != "1.5KiB" {
		t.Error(got)
	}
}

func TestShares(t *testing.T) {
	start := time.Now()
	s := sample{at: start.Add(10 * time.Second), process: 1, usage: cgroup.Usage{CPU: time.Second}}
	s.shares(sample{}, start)
	if s.share != 10 || s.shareSince != 10 {
		t.Errorf("the first look: %+v", s)
	}
	next := sample{at: start.Add(12 * time.Second), process: 1, usage: cgroup.Usage{CPU: 2 * time.Second}}
	next.shares(s, start)
	if next.share != 50 || next.shareSince < 16 || next.shareSince > 17 {
		t.Errorf("the second look: %+v", next)
	}
	again := sample{at: start.Add(14 * time.Second), process: 2, usage: cgroup.Usage{CPU: 0}}
	again.shares(next, start.Add(13*time.Second))
	if again.share != 0 {
		t.Errorf("another life: %+v", again)
	}
}

func TestParseInterfaces(t *testing.T) {
	received, sent := parseInterfaces(`Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0:    2000       3    0    0    0     0          0         0     4000       5    0    0    0     0       0          0
  eth1:1 3 0 0 0 0 0 0 2 5 0 0 0 0 0 0
`)
	if received != 2001 || sent != 4002 {
		t.Errorf("%d, %d", received, sent)
	}
}
