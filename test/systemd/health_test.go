// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"strings"
	"testing"
)

// TestHealth: a unit is ready when its container is healthy, and fails when it is
// not well any more.
func TestHealth(t *testing.T) {
	m := boot(t)
	const check = "--health-cmd='test -e /tmp/well' --health-interval=200ms --health-retries=20 --health-on-failure=kill"
	m.write("/etc/systemd/system/box.service", service("box", "", "--sdnotify=healthy "+check, waits))
	m.must("systemctl daemon-reload && systemctl start --no-block box")
	m.await("its check fails", func() bool {
		streak := m.must("tug inspect -f '{{.State.Health.FailingStreak}}' box 2>/dev/null || true")
		return streak != "" && streak != "0"
	})
	if got := m.property("box", "ActiveState"); got != "activating" {
		t.Errorf("before it is healthy it is %s", got)
	}
	m.await("the unit has failed", func() bool { return m.property("box", "ActiveState") == "failed" })

	m.write("/etc/systemd/system/box.service", service("box", "Restart=on-failure\nRestartSec=100ms", "--sdnotify=healthy --health-start-period=1h "+check, waits))
	m.must("systemctl daemon-reload && systemctl reset-failed box && systemctl start --no-block box")
	m.await("its check fails", func() bool {
		return strings.HasSuffix(m.must("tug ps --format '{{.Names}} {{.Status}}'"), "(starting)")
	})
	if got := m.property("box", "ActiveState"); got != "activating" {
		t.Errorf("before it is healthy it is %s", got)
	}
	m.must("tug exec box touch /tmp/well")
	m.await("the unit is ready", func() bool { return m.property("box", "ActiveState") == "active" })
	if got := m.must("tug ps --format '{{.Names}} {{.Status}}'"); !strings.HasSuffix(got, "(healthy)") {
		t.Error(got)
	}
	pid := m.property("box", "MainPID")
	group := m.property("box", "ControlGroup")
	if got := m.must("for p in $(cat /sys/fs/cgroup" + group + "/cgroup.procs); do tr '\\0' ' ' </proc/$p/cmdline; echo; done | grep -c 'healthcheck watch'"); got != "1" {
		t.Errorf("%s processes run the check", got)
	}
	m.must("tug exec box rm /tmp/well")
	m.await("it is started again", func() bool {
		now := m.property("box", "MainPID")
		return now != pid && now != "0"
	})
	if got := m.must("journalctl -u box --no-pager -o cat"); !strings.Contains(got, "Failed with result 'signal'") {
		t.Error(got)
	}
	m.must("systemctl stop box")
	m.await("nothing is left", func() bool { return m.must("tug ps -aq; pgrep tug || true") == "" })
}
