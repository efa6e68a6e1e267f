// SPDX-License-Identifier: Apache-2.0

package cni_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tug-containers/tug/libexec/network/cni"
	"golang.org/x/sys/unix"
)

func TestNetworks(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"10-a.conflist": `{"cniVersion":"0.4.0","name":"a","plugins":[
			{"type":"bridge","bridge":"br7","mtu":1400,"ipam":{"ranges":[[{"subnet":"10.1.0.0/24","gateway":"10.1.0.1"}],[{"subnet":"fd01::/64"}]]}},{"type":"portmap"}]}`,
		"20-b.conf":         `{"cniVersion":"0.3.1","name":"b","type":"macvlan","master":"eth7","ipam":{"type":"host-local","subnet":"10.2.0.7/24"}}`,
		"30-a.json":         `{"cniVersion":"0.4.0","name":"a","type":"other"}`,
		"40-c.conflist":     `{"cniVersion":"1.1.0","name":"c"}`,
		"50-bad.conflist":   `{`,
		"60-name.conflist":  `{"name":"../x","plugins":[{"type":"bridge"}]}`,
		"70-empty.conflist": `{"name":"empty","plugins":[]}`,
		"80-path.conflist":  `{"name":"path","plugins":[{"type":"../bridge"}]}`,
		"90-large.conf":     strings.Repeat(" ", 1<<20+1),
		"ignored.txt":       `{"name":"ignored"}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, dirname := range []string{"c", "95-dir.conf"} {
		if err := os.Mkdir(filepath.Join(dir, dirname), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "c", "1.conf"), []byte(`{"type":"ptp"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "97-fifo.conf"), 0o644); err != nil {
		t.Fatal(err)
	}
	all, err := cni.Driver{ConfigDirs: []string{filepath.Join(dir, "none"), dir}}.Networks()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range all {
		text := n.Name
		if n.Err != nil {
			if text += " bad"; !strings.Contains(n.Err.Error(), dir) {
				t.Errorf("no file in %q", n.Err)
			}
			got = append(got, text)
			continue
		}
		for _, s := range n.Subnets {
			text += " " + s.Subnet.String()
		}
		got = append(got, strings.TrimSpace(text+" "+n.Interface+" "+n.Options["plugins"]))
		if n.Driver != "cni" || len(n.ID) != 64 {
			t.Errorf("%+v", n)
		}
	}
	want := []string{"a 10.1.0.0/24 fd01::/64 br7 bridge,portmap", "b 10.2.0.0/24 eth7 macvlan", "c  ptp",
		"50-bad bad", "../x bad", "empty bad", "path bad", "90-large bad", "95-dir bad", "97-fifo bad"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("networks:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
