// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tug-containers/tug/libexec/network"
)

type dirs struct{ dir string }

func (d dirs) Root() string    { return d.dir }
func (d dirs) RunRoot() string { return d.dir }

func TestEditHosts(t *testing.T) {
	store := dirs{t.TempDir()}
	in := strings.Repeat("a", 64)
	path := filepath.Join(store.dir, "tug", in, "hosts")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := editHosts(store, strings.Repeat("c", 64), in, "web", "x\n"); err != nil {
		t.Errorf("no file: %v", err)
	}
	joined := func(letter, on string, addresses ...string) *network.Joined {
		j := &network.Joined{Network: on, Container: network.Container{ID: strings.Repeat(letter, 64), Name: "n" + letter}, Aliases: []string{"alias"}}
		for _, a := range addresses {
			j.Addresses = append(j.Addresses, netip.MustParsePrefix(a))
		}
		return j
	}
	b, onOther := joined("b", "web", "10.0.0.2/24", "fd00::2/64"), joined("b", "other", "10.0.1.2/24")
	const own = "127.0.0.1\tlocalhost\n# the container's own"
	if err := os.WriteFile(path, []byte(own), 0o644); err != nil {
		t.Fatal(err)
	}
	lines := func(j *network.Joined, text string) {
		t.Helper()
		if err := editHosts(store, in, j.Container.ID, j.Network, text); err != nil {
			t.Fatal(err)
		}
	}
	want := func(want string) {
		t.Helper()
		if data, err := os.ReadFile(path); err != nil || string(data) != want {
			t.Errorf("%q, %v; want %q", data, err, want)
		}
	}
	const web = "10.0.0.2\tnb alias # tug:bbbbbbbbbbbb:web\nfd00::2\tnb alias # tug:bbbbbbbbbbbb:web\n"
	const other = "10.0.1.2\tnb alias # tug:bbbbbbbbbbbb:other\n"
	lines(b, hostsLine(b))
	want(own + "\n" + web)
	lines(b, hostsLine(b))
	want(own + "\n" + web)
	lines(onOther, hostsLine(onOther))
	want(own + "\n" + web + other)
	lines(b, "")
	want(own + "\n" + other)
	lines(onOther, "")
	want(own + "\n")
	large := strings.Repeat("x", hostsLimit+1)
	if err := os.WriteFile(path, []byte(large), 0o644); err != nil {
		t.Fatal(err)
	}
	lines(b, hostsLine(b))
	want(large)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/hosts", path); err != nil {
		t.Fatal(err)
	}
	if err := editHosts(store, in, b.Container.ID, "web", hostsLine(b)); err == nil {
		t.Error("a link was followed")
	}
}
