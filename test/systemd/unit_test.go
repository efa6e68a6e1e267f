// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"strings"
	"testing"
)

const quadlet = `[Unit]
Description=100%% of a "box"
[Container]
Image=` + image + `
Network=none
Volume=data.volume:/data
Environment="GREETING=two words" PERCENT=100%%
Label="odd=a\nExecStart=/bin/false"
Exec=sh -c 'echo "$$GREETING" >/data/said; trap "exit 0" TERM; while :; do sleep 0.1; done'
[Service]
Restart=on-failure
[Install]
WantedBy=multi-user.target
`

// TestGenerator: files become units at daemon-reload and at boot, and a broken one
// fails loudly.
func TestGenerator(t *testing.T) {
	m := boot(t)
	m.must("mkdir -p /usr/local/lib/systemd/system-generators && ln -s /opt/tug/tug-unit /usr/local/lib/systemd/system-generators/tug-generator")
	m.must("ln -s /opt/tug/* /usr/local/bin/")
	m.write("/etc/containers/systemd/box.container", quadlet)
	m.write("/etc/containers/systemd/data.volume", "[Volume]\nVolumeName=data\n")
	m.write("/etc/containers/systemd/bad.container", "[Container]\nImag=x\n")
	m.must("systemctl daemon-reload && systemctl start box")
	m.await("it has written into its volume", func() bool {
		return m.must("tug volume inspect -f '{{.Name}}' data && tug exec systemd-box cat /data/said || true") == "data\ntwo words"
	})
	if got := m.property("box", "Description"); got != `100% of a "box"` {
		t.Error(got)
	}
	if got := m.must("tug inspect -f '{{json .Config.Labels.odd}}' systemd-box"); got != `"a\nExecStart=/bin/false"` {
		t.Errorf("%q", got)
	}
	if _, code := m.try("systemctl start bad"); code == 0 {
		t.Error("a broken file was started")
	}
	m.await("the journal says why", func() bool {
		return strings.Contains(m.must("journalctl -u bad --no-pager -o cat"), "bad.container:2: Imag= is not known in [Container]; did you mean Image=?")
	})
	if out, code := m.try("tug unit --check"); code != 1 || !strings.Contains(out, "bad.container:2") {
		t.Errorf("%d: %s", code, out)
	}
	if out := m.must("systemd-analyze verify --man=no /run/systemd/generator/box.service /run/systemd/generator/data-volume.service"); out != "" {
		t.Error(out)
	}
	m.must("sync")
	m.reboot()
	m.await("it is up after the boot", func() bool { return m.property("box", "ActiveState") == "active" })
	m.must("tug exec systemd-box true")
}

// TestInstall: files of units that stay, and go.
func TestInstall(t *testing.T) {
	m := boot(t)
	m.write("/root/box.container", strings.Replace(quadlet, "Volume=data.volume", "Volume=data", 1))
	m.must("tug unit --check /root/box.container && tug unit install --now /root/box.container")
	if got := m.must("systemctl is-active box && systemctl is-enabled box"); got != "active\nenabled" {
		t.Error(got)
	}
	if got := m.must("tug unit ls"); !strings.Contains(got, "/etc/systemd/system/box.service") {
		t.Error(got)
	}
	if out := m.must("systemd-analyze verify --man=no /etc/systemd/system/box.service"); out != "" {
		t.Error(out)
	}
	m.must("tug unit rm box")
	if out, code := m.try("systemctl is-active box"); code == 0 {
		t.Error(out)
	}
	m.write("/etc/systemd/system/box.service", "[Service]\nExecStart=/bin/true\n")
	if out, code := m.try("tug unit install /root/box.container"); code == 0 || !strings.Contains(out, "not made by tug-unit") {
		t.Errorf("%d: %s", code, out)
	}
}
