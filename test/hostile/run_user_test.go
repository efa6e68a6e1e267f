// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/test/images"
	"golang.org/x/sys/unix"
)

func user(name string) func(*v1.ImageConfig) {
	return func(c *v1.ImageConfig) { c.User = name }
}

// status reads a field of /proc/self/status as the container sees it.
func status(t *testing.T, text, field string) []string {
	t.Helper()
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.Fields(rest)
		}
	}
	t.Fatalf("no %s in %q", field, short(text))
	return nil
}

const noCapabilities = "0000000000000000"

// TestH05 is a user who is not root and keeps capabilities; TestH38 are
// inheritable ones, which nobody has.
func TestH05H38Capabilities(t *testing.T) {
	t.Parallel()
	p := settle(t)
	for _, name := range []string{"", "0", "1000", "app:audio", "4000:0"} {
		p.each(t, "user "+name, image(user(name)), func(t *testing.T, runtime, image string) {
			for _, flags := range [][]string{nil, {"--cap-drop=ALL"}, {"--privileged"}} {
				text := p.start(t, runtime, append(flags, image, "cat", "/proc/self/status")...).works(t)
				root := status(t, text, "Uid")[0] == "0"
				if want := name == "" || name == "root" || name == "0"; root != want {
					t.Errorf("user %q runs as %v", name, status(t, text, "Uid"))
				}
				for _, set := range []string{"CapInh", "CapAmb"} {
					if got := status(t, text, set)[0]; got != noCapabilities {
						t.Errorf("%v: %s of user %q: %s", flags, set, name, got)
					}
				}
				for _, set := range []string{"CapEff", "CapPrm"} {
					if got := status(t, text, set)[0]; (got != noCapabilities) == (!root || len(flags) > 0 && flags[0] == "--cap-drop=ALL") {
						t.Errorf("%v: %s of user %q: %s", flags, set, name, got)
					}
				}
			}
			// One that is not root has what was asked for by name, and no more;
			// across an exec that takes an inheritable capability.
			text := p.start(t, runtime, "--cap-add=NET_RAW", image, "cat", "/proc/self/status").works(t)
			if got, root := status(t, text, "CapInh")[0], status(t, text, "Uid")[0] == "0"; got != noCapabilities && (root || got != "0000000000002000") {
				t.Errorf("CapInh of user %q with --cap-add: %s", name, got)
			}
		})
	}
}

// TestH39 is a file that is closed to a group: who leaves the group by a setgid
// program must not get in as "everybody else".
func TestH39Groups(t *testing.T) {
	t.Parallel()
	p := settle(t)
	program, err := os.ReadFile(probe)
	must(t, err)
	setgid := images.File("setgid", 0o2755, string(program)).Owned(0, 29)
	closed := images.File("closed", 0o604, "closed to group 1000\n").Owned(0, 1000)
	for _, name := range []string{"app", "1000", "3000:1000"} {
		p.each(t, name, image(user(name), setgid, closed), func(t *testing.T, runtime, image string) {
			text := p.start(t, runtime, image, "cat", "/proc/self/status").works(t)
			if gid := status(t, text, "Gid")[0]; gid != "1000" || !slices.Contains(status(t, text, "Groups"), gid) {
				t.Errorf("group %s, groups %v", gid, status(t, text, "Groups"))
			}
			if out := p.start(t, runtime, image, "/setgid", "open", "/closed").works(t); !strings.Contains(out, "permission denied") {
				t.Errorf("opened: %s", out)
			}
		})
	}
}

// TestH62 is a passwd or group file that is no file, or a very large one.
func TestH62Passwd(t *testing.T) {
	t.Parallel()
	p := settle(t)
	c := p.canary
	for name, entry := range map[string]func(file string) images.Entry{
		"FIFO":            func(f string) images.Entry { return images.FIFO(f, 0o644) },
		"device":          func(f string) images.Entry { return images.Device(f, 0o666, 1, 5) },
		"directory":       func(f string) images.Entry { return images.Dir(f, 0o755) },
		"to host's FIFO":  func(f string) images.Entry { return images.Symlink(f, c+"/fifo") },
		"to host's file":  func(f string) images.Entry { return images.Symlink(f, c+"/passwd") },
		"up to the host":  func(f string) images.Entry { return images.Symlink(f, strings.Repeat("../", 40)+c+"/passwd") },
		"to /dev/zero":    func(f string) images.Entry { return images.Symlink(f, "/dev/zero") },
		"to /proc":        func(f string) images.Entry { return images.Symlink(f, "/proc/self/environ") },
		"to descriptor 3": func(f string) images.Entry { return images.Symlink(f, "/proc/self/fd/3") },
		"loop":            func(f string) images.Entry { return images.Symlink(f, "/"+f) },
		"a long line": func(f string) images.Entry {
			return images.File(f, 0o644, strings.Repeat("x", 64<<10)+":x:0:0::/:/bin/sh\n")
		},
		"NULs": func(f string) images.Entry { return images.File(f, 0o644, "foo\x00:x:0:0::/:/bin/sh\n\x00\x00") },
		"ten million lines": func(f string) images.Entry {
			return images.File(f, 0o644, strings.Repeat("\n", 10<<20))
		},
	} {
		for _, file := range []string{"etc/passwd", "etc/group"} {
			p.each(t, file+" "+name, image(nil, entry(file)), func(t *testing.T, runtime, image string) {
				for _, who := range []string{"nobody-here:foo"} {
					p.start(t, runtime, "-u", who, image, "true").soon(t).fails(t, 125)
				}
				for _, who := range []string{"", "1000"} {
					r := p.start(t, runtime, "-u", who, image, "cat", "/proc/self/status").soon(t)
					if r.code != 0 {
						r.fails(t, 125)
						continue
					}
					if uid := status(t, r.stdout, "Uid")[0]; (uid == "0") != (who == "") {
						t.Errorf("%s: runs as %s", r, uid)
					}
				}
			})
		}
	}
	// U4: nobody else waits for such a container.
	p.try(t, "sparse, of 5 GiB, and a socket", func(t *testing.T) {
		root := filepath.Join(p.dir, "rootfs")
		must(t, os.MkdirAll(filepath.Join(root, "etc"), 0o755))
		defer os.RemoveAll(root)
		for _, dir := range []string{"proc", "sys", "dev", "bin"} {
			must(t, os.Mkdir(filepath.Join(root, dir), 0o755))
		}
		program, err := os.ReadFile(probe)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(root, "bin", "probe"), program, 0o755))
		for _, name := range []string{"passwd", "group"} {
			file := filepath.Join(root, "etc", name)
			write(t, file, "bar:x:7:7::/:/bin/sh\n")
			must(t, os.Truncate(file, 5<<30))
			for _, runtime := range runtimes {
				p.start(t, runtime, "-u", "bar:bar", "--rootfs", root, "/bin/probe", "fds").soon(t).fails(t, 125, "passwd")
				if r := p.start(t, runtime, "--rootfs", root, "/bin/probe", "fds").soon(t); r.code != 0 {
					r.fails(t, 125, name)
				}
			}
			must(t, os.Remove(file))
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			must(t, err)
			defer unix.Close(fd)
			if err := unix.Bind(fd, &unix.SockaddrUnix{Name: file}); err != nil {
				t.Log(err) // the path may be longer than a socket's may
				continue
			}
			for _, runtime := range runtimes {
				p.start(t, runtime, "-u", "bar:bar", "--rootfs", root, "/bin/probe", "fds").soon(t).fails(t, 125)
			}
			must(t, os.Remove(file))
		}
	})
}

// TestH64 is a number that is no user's: it never becomes root's, and never
// the name of somebody.
func TestH64Users(t *testing.T) {
	t.Parallel()
	p := settle(t)
	for _, name := range []string{
		"-1", "2147483648", "4294967295", "4294967296", "18446744073709551616", "00", "0x0", "+0", " 0",
		"1000:4294967295", "1000:-1", "²", "٠", "0\n", "root\x00", "0:0:0", ":", "1000:", "a\x1b[31m", "../etc", "--help",
	} {
		// Somebody has this very name, and is root.
		login, _, _ := strings.Cut(name, ":")
		i := image(user(name), images.File("etc/passwd", 0o644, login+":x:0:0:root:/:/bin/sh\nroot:x:0:0:root:/root:/bin/sh\n"),
			images.File("etc/group", 0o644, login+":x:0:\n4294967295:x:0:\n"))
		p.each(t, fmt.Sprintf("%q", name), i, func(t *testing.T, runtime, image string) {
			p.start(t, runtime, image, "id").fails(t, 125, "user")
			if !strings.Contains(name, "\x00") { // which no argument can have
				p.start(t, runtime, "--user="+name, p.good, "id").fails(t, 125)
			}
		})
	}
	for _, name := range []string{"1000", "app", "2147483647"} {
		i := image(user(name), images.File("etc/passwd", 0o644, "1000:x:0:0::/:/bin/sh\n2147483647:x:0:0::/:/bin/sh\napp:x:0x0:0::/:/bin/sh\n"))
		p.each(t, "passwd names "+name, i, func(t *testing.T, runtime, image string) {
			if r := p.start(t, runtime, image, "id", "-u"); name == "app" {
				r.fails(t, 125, "app")
			} else if r.code != 0 || r.stdout != name+"\n" {
				t.Errorf("%s: exit code %d: %q %s", r, r.code, r.stdout, r.stderr)
			}
		})
	}
}

// TestH73 is a runtime that makes another user of the one that it was given.
func TestH73WrongUser(t *testing.T) {
	t.Parallel()
	p := settle(t)
	p.each(t, "numbers", nil, func(t *testing.T, runtime, image string) {
		for _, name := range []string{"1", "1:1", "10:29", "65534:65534"} {
			want, _, _ := strings.Cut(name, ":")
			if out := p.start(t, runtime, "-u", name, image, "id", "-u").works(t); out != want+"\n" {
				t.Errorf("user %s runs as %s", name, out)
			}
		}
	})
	p.each(t, "a runtime that runs all as root", nil, func(t *testing.T, runtime, image string) {
		fake := p.spy(t, runtime, "root")
		start := time.Now()
		r := p.start(t, fake.path, "-u", "1000", image, "sh", "-c", "sleep 0.2; echo ran as $(id -u)")
		if r.code != 125 || !strings.Contains(r.stderr, "user") {
			t.Errorf("%s: exit code %d after %v: %q %q", r, r.code, time.Since(start), r.stdout, r.stderr)
		}
		p.start(t, fake.path, image, "true").works(t)
	})
}
