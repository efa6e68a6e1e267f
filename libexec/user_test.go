// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

func TestResolveUser(t *testing.T) {
	root := newRig(t).rootfs
	for _, tc := range []struct {
		spec   string
		groups []string
		want   User
	}{
		{"", nil, User{0, 0, []uint32{0, 44}, "/root"}},
		{"root", nil, User{0, 0, []uint32{0, 44}, "/root"}},
		{"0", nil, User{0, 0, []uint32{0, 44}, "/root"}},
		{"alice", nil, User{1000, 1000, []uint32{1000, 29, 44}, "/home/alice"}},
		// A number is a number, though a line of passwd has it as a name.
		{"1000", nil, User{1000, 1000, []uint32{1000, 29, 44}, "/home/alice"}},
		{"1001", nil, User{1001, 0, []uint32{0}, "/"}},
		{"2147483647", nil, User{math.MaxInt32, 0, []uint32{0}, "/"}},
		{"alice:root", nil, User{1000, 0, []uint32{0}, "/home/alice"}},
		{"1001:29", nil, User{1001, 29, []uint32{29}, "/"}},
		{"1001:12345", nil, User{1001, 12345, []uint32{12345}, "/"}},
		{"1001:audio", []string{"video", "7", "29"}, User{1001, 29, []uint32{29, 44, 7}, "/"}},
		{":audio", nil, User{0, 29, []uint32{29}, "/root"}},
	} {
		got, err := ResolveUser(root, tc.spec, tc.groups)
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("ResolveUser(%q, %q) = %+v, %v; want %+v", tc.spec, tc.groups, got, err, tc.want)
		}
	}
}

// badUsers are in the rig's passwd as names of root, some of them.
func badUsers() []string {
	return []string{"-1", "2147483648", "4294967295", "4294967296", "18446744073709551616", "00", "0x0", "+0", " 0", "0 ", "1e3", "²", "٣",
		"1000:4294967295", "1000:-1", "1000:00", "1000:", ":", "1000:x y", "nobody", "alice:nogroup", "huge", "alice:huge", "a\nb", "a\x00", "../x",
		strings.Repeat("a", 300)}
}

func TestResolveUserRefused(t *testing.T) {
	r := newRig(t)
	root := r.rootfs
	for _, spec := range badUsers() {
		if got, err := ResolveUser(root, spec, nil); !errors.Is(err, ErrUser) {
			t.Errorf("ResolveUser(%q) = %+v, %v; want a bad user", spec, got, err)
		}
		if _, err := r.spec(v1.ImageConfig{User: spec, Cmd: []string{"x"}}, Options{}); !errors.Is(err, ErrUser) {
			t.Errorf("NewSpec of an image with USER %q: %v", spec, err)
		}
	}
	for _, group := range []string{"-1", "4294967296", "nogroup", "huge", "", "00"} {
		if _, err := ResolveUser(root, "", []string{group}); !errors.Is(err, ErrUser) {
			t.Errorf("group %q: %v", group, err)
		}
	}
	if _, err := ResolveUser(root, "", []string{"keep-groups"}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("keep-groups: %v", err)
	}
}

// What an image can put in the place of passwd and group is answered at once.
func TestResolveUserHostileFiles(t *testing.T) {
	canary := filepath.Join(t.TempDir(), "canary")
	if err := unix.Mkfifo(canary, 0o666); err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func(t *testing.T, file string) error{
		"fifo":      func(_ *testing.T, file string) error { return unix.Mkfifo(file, 0o666) },
		"directory": func(_ *testing.T, file string) error { return os.Mkdir(file, 0o755) },
		"device": func(t *testing.T, file string) error {
			if err := unix.Mknod(file, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))); err != nil {
				t.Skip("condition root: cannot make a device")
			}
			return nil
		},
		"sparse": func(_ *testing.T, file string) error {
			if err := os.WriteFile(file, nil, 0o644); err != nil {
				return err
			}
			return os.Truncate(file, 5<<30)
		},
		"loop": func(_ *testing.T, file string) error { return os.Symlink(filepath.Base(file), file) },
	} {
		for _, file := range []string{"/etc/passwd", "/etc/group"} {
			t.Run(name+file, func(t *testing.T) {
				r := newRig(t)
				r.remove(file)
				if err := make(t, r.host(file)); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				_, err := ResolveUser(r.rootfs, "alice", nil)
				if !errors.Is(err, ErrUser) || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), r.rootfs) {
					t.Errorf("%v; want an error that names %s and no path of the host", err, file)
				}
				if d := time.Since(start); d > time.Minute {
					t.Errorf("took %s", d)
				}
			})
		}
	}
	t.Run("link to a FIFO of the host", func(t *testing.T) {
		r := newRig(t)
		r.remove("/etc/passwd")
		r.symlink(canary, "/etc/passwd")
		if user, err := ResolveUser(r.rootfs, "0", nil); err != nil || user.Home != "/" {
			t.Errorf("%+v, %v; want the file to be missing", user, err)
		}
		if _, err := ResolveUser(r.rootfs, "alice", nil); !errors.Is(err, ErrUser) {
			t.Errorf("%v; want an unknown user", err)
		}
	})
	t.Run("long line", func(t *testing.T) {
		r := newRig(t)
		r.write("/etc/passwd", strings.Repeat("x", 70_000)+":x:0:0::/:\nalice:x:7:8::/:\n")
		// runc, which reads the file again, gives up at such a line.
		if _, err := ResolveUser(r.rootfs, "alice", nil); !errors.Is(err, ErrUser) {
			t.Errorf("%v; want it to be refused", err)
		}
	})
	t.Run("link to where /dev will be", func(t *testing.T) {
		for _, target := range []string{"/dev/zero", "../dev/zero", "/proc/self/environ", "/proc/self/fd/3"} {
			r := newRig(t)
			r.remove("/etc/group")
			r.symlink(target, "/etc/group")
			if _, err := ResolveUser(r.rootfs, "0", nil); !errors.Is(err, ErrUser) || !strings.Contains(err.Error(), "/etc/group") {
				t.Errorf("%s: %v; want it to be refused", target, err)
			}
		}
	})
	t.Run("NUL and odd lines", func(t *testing.T) {
		r := newRig(t)
		r.write("/etc/passwd", "\x00\n:::\n::0:0\nalice:x:7:8::/a\x00b:/bin/sh\n#\nbob\n")
		user, err := ResolveUser(r.rootfs, "alice", nil)
		if err != nil || user.UID != 7 || user.Home != "/" {
			t.Errorf("%+v, %v", user, err)
		}
		if user, err = ResolveUser(r.rootfs, "bob", nil); err == nil && user.UID == 0 {
			t.Errorf("a line without numbers made bob root: %+v", user)
		}
	})
}

func FuzzResolveUser(f *testing.F) {
	for _, spec := range append(badUsers(), "", "0", "root", "alice", "1000:1000", "alice:audio") {
		f.Add(spec, "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n", "root:x:0:\naudio:x:29:alice\n")
	}
	f.Add("bob", "bob\n", "")
	f.Add("bob", "bob:x:-1:-1::/:\n", "bob:x:-1:bob\n")
	f.Add("bob:g", "bob:x:1:99999999999::/:\n", "g\n")
	dir := f.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "etc"), 0o755); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, spec, passwd, group string) {
		for name, content := range map[string]string{"passwd": passwd, "group": group} {
			if err := os.WriteFile(filepath.Join(dir, "etc", name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		user, err := ResolveUser(dir, spec, nil)
		if err != nil {
			if !errors.Is(err, ErrUser) {
				t.Fatalf("%q: %v is no ErrUser", spec, err)
			}
			return
		}
		if user.UID > maxID || user.GID > maxID || len(user.Groups) == 0 || user.Groups[0] != user.GID || user.Home == "" {
			t.Fatalf("%q: %+v", spec, user)
		}
		name, _, _ := strings.Cut(spec, ":")
		if user.UID != 0 || name == "" || name == "0" {
			return
		}
		for line := range strings.Lines(passwd) { // root needs a line that says so
			if fields := strings.Split(strings.TrimSpace(line), ":"); fields[0] == name && len(fields) > 3 && fields[2] == "0" {
				return
			}
		}
		t.Fatalf("%q became root by %q", spec, passwd)
	})
}

// A passwd that is mounted over the image's is the one that counts.
func TestUserOfMount(t *testing.T) {
	r := newRig(t).busybox()
	dir := t.TempDir()
	for name, content := range map[string]string{"passwd": "bob:x:5:6::/b:\n", "group": "staff:x:77:bob\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, mounts := range [][]Mount{
		{{Type: "bind", Source: dir, Destination: "/etc/"}},
		{{Type: "bind", Source: dir + "/passwd", Destination: "/etc/passwd"}, {Type: "bind", Source: dir + "/group", Destination: "/etc/group"}},
	} {
		user := r.mustSpec(sh("true"), Options{User: "bob", Mounts: mounts}).Process.User
		if user.UID != 5 || user.GID != 6 || !reflect.DeepEqual(user.AdditionalGids, []uint32{6, 77}) {
			t.Errorf("%+v", user)
		}
	}
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.spec(sh("true"), Options{Mounts: []Mount{{Type: "bind", Source: fifo, Destination: "/etc/passwd"}}}); !errors.Is(err, ErrUser) {
		t.Errorf("a FIFO: %v", err)
	}
}
