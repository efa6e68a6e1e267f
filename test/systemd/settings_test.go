// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"strings"
	"testing"
)

// TestSettings: what a unit says holds for the container in it.
func TestSettings(t *testing.T) {
	m := boot(t)
	start := func(settings, options, command string) {
		t.Helper()
		m.write("/etc/systemd/system/box.service", service("box", settings, options, command))
		m.must("systemctl daemon-reload && systemctl reset-failed box 2>/dev/null; systemctl start box")
	}
	t.Run("LoadCredential", func(t *testing.T) {
		m.write("/root/secret", "the secret")
		start("LoadCredential=key:/root/secret\nSetCredential=other:value", "", waits)
		if got := m.must(`tug exec box sh -c 'cat "$CREDENTIALS_DIRECTORY"/key "$CREDENTIALS_DIRECTORY"/other'`); got != "the secretvalue" {
			t.Error(got)
		}
		if out, code := m.try(`tug exec box sh -c 'echo x >"$CREDENTIALS_DIRECTORY"/key'`); code == 0 {
			t.Errorf("they can be written: %s", out)
		}
		m.must("systemctl stop box")
	})
	t.Run("WatchdogSec", func(t *testing.T) {
		m.write("/etc/systemd/system/box.service", service("box", "WatchdogSec=5s", "--sdnotify=container -v /opt/box/ready:/ready:ro", "/ready"))
		m.must("systemctl daemon-reload && systemctl start --no-block box")
		m.await("it runs", func() bool { return m.must("tug ps -q | wc -l") == "1" })
		m.must("tug exec box touch /tmp/go")
		m.await("it is ready", func() bool { return m.property("box", "ActiveState") == "active" })
		m.must("tug exec box touch /tmp/hang")
		m.await("the watchdog has ended it", func() bool { return m.property("box", "Result") == "watchdog" })
	})
	t.Run("freeze", func(t *testing.T) {
		start("", "", waits)
		m.must("systemctl freeze box")
		if got := m.must("tug ps -a --format '{{.State}}'"); got != "paused" {
			t.Error(got)
		}
		m.must("systemctl thaw box")
		if got := m.must("tug ps -a --format '{{.State}}'"); got != "running" {
			t.Error(got)
		}
		m.must("systemctl stop box")
	})
	t.Run("ExecReload", func(t *testing.T) {
		start("ExecReload=/opt/tug/tug-kill --signal=HUP box", "", `sh -c 'trap "echo reloaded" HUP; trap "exit 0" TERM; while :; do sleep 0.1; done'`)
		m.must("systemctl reload box")
		m.await("it has the signal", func() bool { return strings.Contains(m.must("journalctl -u box --no-pager -o cat"), "reloaded") })
		m.must("systemctl stop box")
		if got := m.property("box", "Result"); got != "success" {
			t.Error(got)
		}
	})
	t.Run("TimeoutStartSec", func(t *testing.T) {
		m.write("/etc/systemd/system/box.service", service("box", "TimeoutStartSec=2s", "--sdnotify=container", waits))
		if out, code := m.try("systemctl daemon-reload && systemctl start box"); code == 0 {
			t.Error(out)
		}
		if got := m.property("box", "Result"); got != "timeout" {
			t.Error(got)
		}
		m.await("nothing is left", func() bool { return m.must("tug ps -aq") == "" })
	})
	t.Run("KillSignal", func(t *testing.T) {
		start("KillSignal=SIGINT", "", `sh -c 'trap "exit 0" INT; while :; do sleep 0.1; done'`)
		m.must("systemctl stop box")
		if got := m.property("box", "Result"); got != "success" {
			t.Error(got)
		}
	})
}

// TestUser: a container of a user in a unit of the system, and in one of the user's
// own manager, which lives without a session.
func TestUser(t *testing.T) {
	m := boot(t)
	m.must("useradd -m -s /bin/bash box && grep -q ^box: /etc/subuid")
	m.must("cp -r /opt/box /home/box/image && chown -R box: /home/box/image")
	check := func(systemctl, journal string) {
		t.Helper()
		if got := m.must(systemctl + " show --value --property=ActiveState box"); got != "active" {
			t.Errorf("%s: %s\n%s", systemctl, got, m.must(journal))
		}
		pid := m.must(systemctl + " show --value --property=MainPID box")
		if got := m.must("stat -c %U /proc/" + pid); got != "box" {
			t.Errorf("the main process is %s's", got)
		}
		if got := m.must("tr '\\0' ' ' </proc/" + pid + "/cmdline"); !strings.Contains(got, "while :; do") {
			t.Errorf("the main process is %s", got)
		}
		m.must(systemctl + " stop box")
		if got := m.must(systemctl + " show --value --property=ExecMainStatus box"); got != "7" {
			t.Errorf("exit status %s", got)
		}
	}
	const pull = "ExecStartPre=/bin/sh -c '/opt/tug/tug-tag $$(/opt/tug/tug-pull -q oci:/home/box/image:1) " + image + "'"
	m.write("/etc/systemd/system/box.service", service("box", "User=box\nDelegate=yes\n"+pull, "", waits))
	m.must("systemctl daemon-reload && systemctl start box")
	check("systemctl", "journalctl -u box --no-pager")

	m.must("loginctl enable-linger box")
	m.await("the user's manager", func() bool {
		_, code := m.try("systemctl --user -M box@ is-system-running --wait >/dev/null; systemctl --user -M box@ list-units >/dev/null")
		return code == 0
	})
	m.write("/home/box/.config/systemd/user/box.service", service("box", pull, "", waits))
	m.must("chown -R box: /home/box/.config && systemctl --user -M box@ daemon-reload && systemctl --user -M box@ start box")
	check("systemctl --user -M box@", "journalctl --no-pager -n 50")
}

// TestDynamicUser: a user that there is only while the service runs, its store in the
// service's own directories.
func TestDynamicUser(t *testing.T) {
	m := boot(t)
	// (The machine's own root is an overlay, on which there is no other.)
	m.must("mkdir -p -m 700 /var/lib/private /var/lib/containers/private && mount --bind /var/lib/containers/private /var/lib/private")
	m.must("mkdir /srv/image && cp -r /opt/box/. /srv/image && chmod -R a+rX /srv/image")
	const places = "--root %S/box/store --runroot %t/box"
	const pull = "ExecStartPre=/bin/sh -c '/opt/tug/tug-tag " + places + " $$(/opt/tug/tug-pull " + places + " -q oci:/srv/image:1) " + image + "'"
	unit := service("box", "DynamicUser=yes\nDelegate=yes\nStateDirectory=box\nRuntimeDirectory=box\nEnvironment=HOME=%S/box\n"+pull, places, waits)
	m.write("/etc/systemd/system/box.service", strings.Replace(unit, "tug-cleanup", "tug-cleanup "+places, 1))
	m.must("systemctl daemon-reload && systemctl start box")
	pid := m.property("box", "MainPID")
	if got := m.must("stat -c %u /proc/" + pid); len(got) != 5 || got[0] != '6' { // 61184 to 65519: systemd.exec(5)
		t.Errorf("the main process is %s's", got)
	}
	m.await("it speaks", func() bool { return strings.Contains(m.must("journalctl -u box --no-pager -o cat"), "begun") })
	m.must("systemctl stop box")
	if got := m.property("box", "ExecMainStatus"); got != "7" {
		t.Errorf("exit status %s", got)
	}
	m.must("systemctl reset-failed box && systemctl start box && systemctl stop box")
}
