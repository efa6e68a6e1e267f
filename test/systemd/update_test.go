// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

const registryConfig = `version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/containers/registry}}
http: {addr: "127.0.0.1:5000"}
`

// TestAutoUpdate: units get newer images, and go back from those that do not start.
func TestAutoUpdate(t *testing.T) {
	m := boot(t)
	program, err := exec.LookPath("docker-registry")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	m.write("/usr/local/bin/registry", string(data))
	m.write("/etc/registry.yml", registryConfig)
	m.must("chmod 755 /usr/local/bin/registry && systemd-run -q --unit registry /usr/local/bin/registry serve /etc/registry.yml")
	const name = "127.0.0.1:5000/box:1"
	push := func(from string) { m.must("tug push -q --tls-verify=false " + from + " docker://" + name) }
	m.await("the registry answers", func() bool {
		_, code := m.try("tug push -q --tls-verify=false " + image + " docker://" + name)
		return code == 0
	})
	m.must("tug pull -q --tls-verify=false " + name)
	remote := strings.ReplaceAll(service("remote", "", "--label=io.containers.autoupdate=registry", waits), image, name)
	m.write("/etc/systemd/system/remote.service", remote)
	m.write("/etc/systemd/system/twin.service", strings.ReplaceAll(strings.ReplaceAll(remote, "--name=remote", "--name=twin"), "--service remote", "--service twin"))
	m.write("/etc/systemd/system/local.service", service("local", "", "--label=io.containers.autoupdate=local", waits))
	m.write("/etc/systemd/system/still.service", service("still", "", "", waits))
	m.must("systemctl daemon-reload && systemctl start remote twin local still")
	for _, name := range []string{"tug-auto-update.service", "tug-auto-update.timer"} {
		unit, err := os.ReadFile("../../cmd/auto-update/" + name)
		if err != nil {
			t.Fatal(err)
		}
		m.write("/etc/systemd/system/"+name, strings.ReplaceAll(string(unit), "@BINDIR@", "/opt/tug"))
		if out := m.must("systemd-analyze verify --man=no /etc/systemd/system/" + name); out != "" {
			t.Error(out)
		}
	}
	m.must("systemctl enable -q --now tug-auto-update.timer")
	still := m.property("still", "MainPID")

	const update = "tug auto-update --tls-verify=false --format '{{.Unit}} {{.Policy}} {{.Updated}}' "
	states := func(options, remote, local string, want int) {
		t.Helper()
		out, code := m.try(update + options + " >/run/rows 2>/run/said; code=$?; sort /run/rows; exit $code")
		if out != "local.service local "+local+"\nremote.service registry "+remote+"\ntwin.service registry "+remote || code != want {
			t.Errorf("exit code %d, %s\n%s", code, out, m.must("cat /run/said"))
		}
	}
	states("", "false", "false", 0)
	if out := m.must("tug auto-update --tls-verify=false --format json"); !strings.Contains(out, `"Updated": "false"`) || !strings.HasPrefix(out, "[") {
		t.Error(out)
	}

	// made makes an image that differs from the others. (What nsenter brings into
	// the machine may not start a container.)
	made := func(name, version, change string) {
		m.must("echo " + version + " >/run/version && tug create --name made --network none " + image + " true && tug cp /run/version made:/version && tug commit -q --change '" + change + "' made " + name + " && tug rm made")
	}
	old := m.must("tug images -q --no-trunc " + image)
	made("localhost/second:1", "2", "LABEL version=2")
	push("localhost/second:1")
	m.must("tug tag localhost/second:1 " + image)
	states("--dry-run", "pending", "pending", 0)
	if out, code := m.try("tug exec remote cat /version"); code == 0 {
		t.Errorf("a dry run has restarted it: %s", out)
	}
	states("", "true", "true", 0)
	if out := m.must("tug exec remote cat /version && tug exec local cat /version"); out != "2\n2" {
		t.Error(out)
	}
	states("", "false", "false", 0)

	// One that does not start.
	made("localhost/bad:1", "3", `ENTRYPOINT ["/none"]`)
	push("localhost/bad:1")
	m.must("tug tag localhost/bad:1 " + image)
	states("--rollback=false", "failed", "failed", 125)
	m.must("tug tag localhost/second:1 " + image + " && tug tag localhost/second:1 " + name + " && systemctl restart remote twin local")
	m.must("tug tag localhost/bad:1 " + image)
	states("", "rolled back", "rolled back", 125)
	if out := m.must("tug exec remote cat /version && tug exec local cat /version && tug exec twin cat /version && systemctl is-active remote local twin"); out != "2\n2\n2\nactive\nactive\nactive" {
		t.Error(out)
	}
	if got := m.must("tug images -q --no-trunc " + name); got == old || got != m.must("tug images -q --no-trunc localhost/second:1") {
		t.Errorf("%s is %s", name, got)
	}
	if got := m.property("still", "MainPID"); got != still {
		t.Errorf("what does not ask for it was restarted: %s, then %s", still, got)
	}
}
