// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestHosts(t *testing.T) {
	b := &builder{hostname: "name", opts: &Options{Name: "web", ExtraHosts: []Host{{"db", "10.0.0.1"}, {"six", "fe80::1"}}}}
	got, err := b.hosts()
	if want := "10.0.0.1\tdb\nfe80::1\tsix\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.0.1\tname web\n"; err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	b.opts = &Options{Network: Namespace{Mode: HostMode}}
	host, err := os.ReadFile("/etc/hosts")
	if err != nil {
		t.Skip("condition hosts: no /etc/hosts here")
	}
	if got, err := b.hosts(); err != nil || !strings.HasPrefix(got, strings.TrimSuffix(string(host), "\n")) || !strings.HasSuffix(got, "127.0.0.1\tname\n") {
		t.Errorf("%q, %v", got, err)
	}
}

// A line break in what we write is another line (CVE-2022-4318).
func TestHostsRefused(t *testing.T) {
	for _, host := range []Host{{"a\nb", "1.2.3.4"}, {"a b", "1.2.3.4"}, {"a", "1.2.3.4\n5.6.7.8 x"}, {"a", "1.2.3"}, {"", "1.2.3.4"}, {"a\x00", "1.2.3.4"}, {"a", "fe80::1%eth0\n"}, {"a", "fe80::1%e"}} {
		if err := (Options{ExtraHosts: []Host{host}}).Check(); !errors.Is(err, ErrOption) {
			t.Errorf("%q: %v", host, err)
		}
	}
	for _, name := range []string{"a b", "a\nb", "-a", "a-", "a..b", ".", "a\x00", "a:b", "a/b", "ä", strings.Repeat("a", 65)} {
		if err := (Options{Hostname: name}).Check(); !errors.Is(err, ErrOption) {
			t.Errorf("hostname %q: %v", name, err)
		}
	}
	if err := (Options{Hostname: "a", UTS: Namespace{Mode: HostMode}}).Check(); !errors.Is(err, ErrOption) {
		t.Errorf("hostname of the host: %v", err)
	}
}

func TestWithoutLoopback(t *testing.T) {
	kept, servers := withoutLoopback("# c\nnameserver 127.0.0.53\nnameserver 10.0.0.1\nnameserver ::1\noptions edns0\nsearch x")
	if kept != "# c\nnameserver 10.0.0.1\noptions edns0\nsearch x" || servers != 1 {
		t.Errorf("%q, %d", kept, servers)
	}
}

// hostile trees are what an image may have where we mount files. The canary is
// a directory of the host.
func hostileTrees(canary string) map[string]func(r *specRig) {
	places := []string{"hosts", "resolv.conf", "hostname"}
	each := func(make func(r *specRig, place string)) func(r *specRig) {
		return func(r *specRig) {
			for _, place := range places {
				make(r, "/etc/"+place)
			}
		}
	}
	return map[string]func(r *specRig){
		"absent":        func(*specRig) {},
		"empty files":   each(func(r *specRig, place string) { r.write(place, "image") }),
		"no /etc":       func(r *specRig) { r.remove("/etc") },
		"/etc link out": func(r *specRig) { r.remove("/etc"); r.symlink(canary, "/etc") },
		"links out":     each(func(r *specRig, place string) { r.symlink(canary+"/x", place) }),
		"links up":      each(func(r *specRig, place string) { r.symlink("../../../../../../.."+canary+"/x", place) }),
		"into tmpfs":    each(func(r *specRig, place string) { r.symlink("../run/systemd/resolve/"+filepath.Base(place), place) }),
		"mtab link": func(r *specRig) {
			r.symlink(canary+"/mtab", "/etc/mtab")
			r.symlink(canary+"/env", "/run/.containerenv")
		},
	}
}

// Whatever an image has there, the host's tree is not touched, and the
// container sees our files (CVE-2024-5154).
func TestRunHostFiles(t *testing.T) {
	for name := range hostileTrees("") {
		t.Run(name, func(t *testing.T) {
			onRuntimes(t, func(t *testing.T, r *specRig, runtime string) {
				canary := t.TempDir()
				hostileTrees(canary)[name](r)
				for _, opts := range []Options{{}, {ReadOnly: true}} {
					opts.User, opts.Hostname = "0:0", "given"
					out, code := r.run(runtime, r.mustSpec(sh("cat /etc/hostname; grep -c given /etc/hosts; cat /etc/resolv.conf >/dev/null"), opts))
					if out != "given\n1" || code != 0 {
						t.Errorf("read-only %v: %q (%d)", opts.ReadOnly, out, code)
					}
				}
				if entries, err := os.ReadDir(canary); err != nil || len(entries) != 0 {
					t.Errorf("the canary has %v, %v", entries, err)
				}
			})
		})
	}
}

func TestHostFilePlaceRefused(t *testing.T) {
	for name, make := range map[string]func(r *specRig, place string){
		"directory": func(r *specRig, place string) { r.write(place+"/x", "") },
		"FIFO": func(r *specRig, place string) {
			if err := unix.Mkfifo(r.host(place), 0o666); err != nil {
				t.Fatal(err)
			}
		},
		"symbolic link": func(r *specRig, place string) { r.symlink(filepath.Base(place), place) },
	} {
		for _, place := range []string{"/etc/hosts", "/etc/resolv.conf", "/etc/hostname"} {
			r := newRig(t).busybox()
			make(r, place)
			_, err := r.spec(sh("true"), Options{})
			if !errors.Is(err, ErrImageConfig) || !strings.Contains(err.Error(), place) {
				t.Errorf("%s as %s: %v", place, name, err)
			}
		}
	}
	r := newRig(t).busybox()
	r.remove("/etc")
	r.write("/etc", "a file")
	if _, err := r.spec(sh("true"), Options{User: "0"}); err == nil {
		t.Error("/etc as a file is accepted")
	}
}

// A file of an earlier start that was replaced by a link is not written through.
func TestWriteHostFileFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	canary := filepath.Join(dir, "canary")
	if err := os.WriteFile(canary, []byte("host"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(canary, filepath.Join(dir, "hosts")); err != nil {
		t.Fatal(err)
	}
	if err := writeHostFiles([]hostFile{{filepath.Join(dir, "hosts"), "ours"}}, 0, 0); err == nil {
		t.Error("a link is followed")
	}
	if data, _ := os.ReadFile(canary); string(data) != "host" {
		t.Errorf("the canary is %q", data)
	}
}
