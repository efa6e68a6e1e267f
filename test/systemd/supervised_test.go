// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"strings"
	"testing"
)

// service is a unit with a container.
func service(name, settings, options, command string) string {
	return `[Unit]
StartLimitIntervalSec=0
[Service]
Type=notify
NotifyAccess=all
KillMode=mixed
` + settings + `
ExecStart=/opt/tug/tug-run --supervised --name=` + name + ` --replace --rm --network=none ` + options + ` ` + image + ` ` + command + `
ExecStopPost=/opt/tug/tug-cleanup --ignore --service ` + name + `
`
}

const waits = `sh -c 'echo begun; trap "echo over; exit 7" TERM; while :; do sleep 0.1; done'`

// TestSupervised: the first process of a container is the unit's main process, in
// the unit's cgroup, with nobody beside it.
func TestSupervised(t *testing.T) {
	m := boot(t)
	m.write("/etc/systemd/system/box.service", service("box", "", "", waits))
	m.must("systemctl daemon-reload && systemctl start box")

	t.Run("main process", func(t *testing.T) {
		pid := m.property("box", "MainPID")
		if got := m.must("tug inspect -f '{{.State.Pid}} {{.State.Status}}' box"); got != pid+" running" {
			t.Errorf("the container is %q, the unit %s", got, pid)
		}
		m.await("nobody of ours is left", func() bool { return m.must("pgrep tug || true") == "" })
		group := m.property("box", "ControlGroup")
		for _, p := range strings.Fields(m.must("cat /sys/fs/cgroup" + group + "/cgroup.procs")) {
			parent := strings.TrimSpace(m.must("ps -o ppid= -p " + p + " || true"))
			if p != pid && parent != pid && parent != "" { // a sleep that has ended has none
				t.Errorf("process %s is in the unit's cgroup too: %s", p, m.must("ps -o args= -p "+p+" || true"))
			}
		}
		if below := m.must("ls -d /sys/fs/cgroup" + group + "/*/ 2>/dev/null || true"); below != "" {
			t.Errorf("cgroups below it: %s", below)
		}
	})
	t.Run("seen", func(t *testing.T) {
		if got := m.must("tug ps --format '{{.Names}} {{.Status}}'"); !strings.HasPrefix(got, "box Up") {
			t.Error(got)
		}
		if got := m.must("tug exec box echo inside"); got != "inside" {
			t.Error(got)
		}
		m.await("the journal has its output", func() bool { return m.must("journalctl -u box --no-pager -o cat | grep -c '^begun$' || true") == "1" })
		if got := m.must("tug logs box | grep -x begun"); got != "begun" {
			t.Error(got)
		}
		if got := m.must("systemctl status box --no-pager"); !strings.Contains(got, "while :; do sleep") {
			t.Error(got)
		}
	})
	t.Run("stopped through systemd", func(t *testing.T) {
		m.must("tug stop box")
		if got := m.property("box", "ActiveState"); got != "failed" { // 7 is no success
			t.Error(got)
		}
		if got := m.property("box", "ExecMainStatus"); got != "7" {
			t.Errorf("exit status %s", got)
		}
		m.await("nothing is left", func() bool {
			return m.must("tug ps -aq") == "" && m.must("grep -c /var/lib/containers/storage/tug/containers /proc/mounts || true") == "0"
		})
	})
}

// TestRestart: Restart= is systemd's, and `tug stop` is stronger.
func TestRestart(t *testing.T) {
	m := boot(t)
	m.write("/etc/systemd/system/box.service", service("box", "Restart=always\nRestartSec=100ms\nSuccessExitStatus=7", "", waits))
	m.must("systemctl daemon-reload && systemctl start box")
	first := m.property("box", "MainPID")
	m.must("kill -9 " + first)
	m.await("it is started again", func() bool {
		return m.property("box", "NRestarts") == "1" && m.property("box", "ActiveState") == "active" && m.property("box", "MainPID") != first
	})
	m.must("tug exec box true")
	m.must("tug stop box")
	if got := m.property("box", "ActiveState"); got != "inactive" {
		t.Error(got)
	}
	m.must("systemctl start box && tug restart box")
	m.must("tug exec box true")
	m.must("tug rm -f box")
	if got := m.property("box", "ActiveState"); got != "inactive" {
		t.Error(got)
	}
}

// TestFailure: what cannot be started fails the unit, with a reason in the journal.
func TestFailure(t *testing.T) {
	m := boot(t)
	m.write("/etc/systemd/system/box.service", service("box", "", "", "/missing"))
	m.must("systemctl daemon-reload")
	if _, code := m.try("systemctl start box"); code == 0 {
		t.Error("it was started")
	}
	if got := m.property("box", "ExecMainStatus"); got != "127" {
		t.Errorf("exit status %s", got)
	}
	m.await("the journal says why", func() bool { return strings.Contains(m.must("journalctl -u box --no-pager -o cat"), "/missing") })
	if got := m.must("tug ps -aq"); got != "" {
		t.Error(got)
	}
}

// TestForking: the manager learns the process from a PID file.
func TestForking(t *testing.T) {
	m := boot(t)
	unit := strings.Replace(service("box", "PIDFile=/run/box.pid", "--pidfile=/run/box.pid", waits), "Type=notify", "Type=forking", 1)
	m.write("/etc/systemd/system/box.service", unit)
	m.must("systemctl daemon-reload && systemctl start box")
	if pid := m.property("box", "MainPID"); pid != m.must("tug inspect -f '{{.State.Pid}}' box") {
		t.Errorf("main process %s", pid)
	}
	m.must("systemctl stop box")
	if got := m.property("box", "ExecMainStatus"); got != "7" {
		t.Error(got)
	}
}

// TestNotify: a container tells the manager itself when it is ready.
func TestNotify(t *testing.T) {
	m := boot(t)
	m.write("/etc/systemd/system/box.service", service("box", "", "--sdnotify=container -v /opt/box/ready:/ready:ro", "/ready"))
	m.must("systemctl daemon-reload && systemctl start --no-block box")
	m.await("it runs", func() bool { return m.must("tug ps -q | wc -l") == "1" })
	if got := m.property("box", "ActiveState"); got != "activating" {
		t.Errorf("before it says so: %s", got)
	}
	m.must("tug exec box touch /tmp/go")
	m.await("it is ready", func() bool { return m.property("box", "ActiveState") == "active" })
	if got := m.property("box", "StatusText"); got != "said from inside" {
		t.Error(got)
	}
}

// TestReboot: after the power is cut, a unit that is enabled is up again, once.
func TestReboot(t *testing.T) {
	m := boot(t)
	for _, name := range []string{"a", "b", "c"} {
		m.write("/etc/systemd/system/"+name+".service", service(name, "Restart=always", "", waits)+"[Install]\nWantedBy=multi-user.target\n")
	}
	m.must("systemctl daemon-reload && systemctl enable --now a b c && sync")
	m.reboot()
	m.await("all are up", func() bool { return m.must("tug ps --format '{{.Names}}' | sort | tr '\\n' ' '") == "a b c " })
	if got := m.must("tug ps -aq | wc -l"); got != "3" {
		t.Errorf("%s containers", got)
	}
	if got := m.must("find /var/lib/containers/storage/tug -name upper | wc -l"); got != "3" {
		t.Errorf("%s directories", got)
	}
}
