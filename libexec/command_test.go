// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

func TestCommandArgs(t *testing.T) {
	r := newRig(t).busybox()
	image := v1.ImageConfig{Entrypoint: []string{"/bin/sh", "-c"}, Cmd: []string{"true"}}
	for _, tc := range []struct {
		name string
		opts Options
		want []string
	}{
		{"image", Options{}, []string{"/bin/sh", "-c", "true"}},
		{"command", Options{Command: []string{"id", "-u"}}, []string{"/bin/sh", "-c", "id", "-u"}},
		{"entrypoint", Options{Entrypoint: []string{"/bin/ls"}}, []string{"/bin/ls"}},
		{"no entrypoint", Options{Entrypoint: []string{}, Command: []string{"ls"}}, []string{"ls"}},
		{"both", Options{Entrypoint: []string{"ls"}, Command: []string{"--", "-l"}}, []string{"ls", "--", "-l"}},
		{"init", Options{Init: true, InitPath: "/bin/busybox"}, []string{initPlace, "--", "/bin/sh", "-c", "true"}},
	} {
		if got := r.mustSpec(image, tc.opts).Process.Args; !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q; want %q", tc.name, got, tc.want)
		}
	}
	for _, opts := range []Options{{Entrypoint: []string{}}, {Entrypoint: []string{""}}} {
		if _, err := r.spec(image, opts); !errors.Is(err, ErrNoCommand) {
			t.Errorf("%q: %v", opts.Entrypoint, err)
		}
	}
	if _, err := r.spec(image, Options{Command: []string{"a\x00b"}}); !errors.Is(err, ErrOption) {
		t.Errorf("NUL: %v", err)
	}
	if _, err := r.spec(image, Options{Init: true}); !errors.Is(err, ErrOption) {
		t.Errorf("no init: %v", err)
	}
}

// foreignELF is a program for another processor.
func foreignELF() string {
	head := make([]byte, 64)
	copy(head, "\x7fELF\x02\x01\x01")
	head[16], head[18] = 2, byte(elf.EM_MIPS)
	return string(head)
}

func TestPreflight(t *testing.T) {
	if foreignFormats() {
		t.Skip("condition no binfmt_misc: this host runs foreign formats")
	}
	r := newRig(t).busybox()
	r.write("/bin/text", "echo hello\n")
	r.write("/bin/script", "#!/bin/sh\ntrue\n")
	r.write("/bin/env-script", "#! /bin/env sh\ntrue\n")
	r.write("/bin/orphan", "#!/bin/none\n")
	r.write("/bin/self", "#!/proc/self/exe\n")
	r.write("/bin/bare", "#!\n")
	r.write("/bin/loop", "#!/bin/loop\n")
	r.write("/bin/of-text", "#!/bin/text\n")
	for n := range 6 { // script-0 is interpreted by busybox, script-5 by five more
		r.write(fmt.Sprintf("/bin/script-%d", n), fmt.Sprintf("#!/bin/script-%d\n", n-1))
	}
	r.write("/bin/script-0", "#!/bin/busybox sh\n")
	r.write("/bin/foreign", foreignELF())
	r.write("/bin/short", "\x7fELF")
	r.write("/bin/empty", "")
	r.write("/bin/plain", "#!/bin/sh\n")
	r.write("/work/tool", "#!/bin/sh\n")
	r.symlink("/proc/self/exe", "/bin/exe")
	r.symlink("/bin/busybox", "/abs/sh")
	r.symlink("/nowhere", "/bin/dangling")
	if err := os.Chmod(r.host("/bin/plain"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(r.host("/bin/fifo"), 0o777); err != nil {
		t.Fatal(err)
	}
	for command, want := range map[string]error{
		"sh": nil, "/bin/sh": nil, "bin/sh": nil, "/abs/sh": nil, "script": nil, "env-script": nil, "./bin/sh": nil, "/bin/../bin/sh": nil, "script-4": nil,
		"none": ErrCommandNotFound, "/bin/none": ErrCommandNotFound, "dangling": ErrCommandNotFound, "--help": ErrCommandNotFound, "../../../../../bin/ls.": ErrCommandNotFound,
		"text": ErrCommandNotExecutable, "orphan": ErrCommandNotExecutable, "loop": ErrCommandNotExecutable, "of-text": ErrCommandNotExecutable, "script-5": ErrCommandNotExecutable, "self": ErrCommandNotExecutable, "bare": ErrCommandNotExecutable,
		"foreign": ErrCommandNotExecutable, "short": ErrCommandNotExecutable, "empty": ErrCommandNotExecutable, "plain": ErrCommandNotExecutable,
		"fifo": ErrCommandNotExecutable, "/bin": ErrCommandNotExecutable, "/": ErrCommandNotExecutable, "/proc/self/exe": ErrCommandNotExecutable,
	} {
		_, err := r.spec(v1.ImageConfig{Cmd: []string{command}}, Options{})
		if !errors.Is(err, want) {
			t.Errorf("%s: %v; want %v", command, err, want)
		} else if err != nil && (!strings.Contains(err.Error(), command) || strings.Contains(err.Error(), r.rootfs) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: message %q", command, err)
		}
	}
	for _, command := range []string{"exe", "/bin/exe"} {
		if _, err := r.spec(v1.ImageConfig{Cmd: []string{command}}, Options{}); err == nil {
			t.Errorf("%s, a link to /proc/self/exe, is accepted", command)
		}
	}
	if _, err := r.spec(v1.ImageConfig{Cmd: []string{"./tool"}, WorkingDir: "/work"}, Options{}); err != nil {
		t.Errorf("relative to the working directory: %v", err)
	}
	mounts := []Mount{{Type: "bind", Source: r.runDir, Destination: "/mnt"}}
	r.symlink("/mnt/tool", "/bin/mounted")
	for _, command := range []string{"/mnt/tool", "mounted"} {
		if _, err := r.spec(v1.ImageConfig{Cmd: []string{command}}, Options{Mounts: mounts}); err != nil {
			t.Errorf("%s in a mount, which is not judged: %v", command, err)
		}
	}
	if _, err := r.spec(v1.ImageConfig{Cmd: []string{"none"}}, Options{Mounts: mounts}); !errors.Is(err, ErrCommandNotFound) {
		t.Errorf("a mount elsewhere: %v", err)
	}
}

func TestArgumentSize(t *testing.T) {
	long, many := strings.Repeat("x", 128<<10), slices.Repeat([]string{strings.Repeat("x", 1000)}, 2100)
	for name, c := range map[string]struct {
		args, env []string
		want      string
	}{
		"a long argument": {[]string{"true", long}, nil, "argument 1 "},
		"a long variable": {[]string{"true"}, []string{"SECRET=" + long}, "variable SECRET has"},
		"many arguments":  {append([]string{"true"}, many...), nil, "arguments and environment"},
		"many variables":  {[]string{"true"}, many, "arguments and environment"},
		"short variables": {[]string{"true"}, slices.Repeat([]string{"A=1"}, 20_000), "20000 environment variables"},
		"as much as fits": {[]string{"true", long[1:]}, many[:1000], ""},
	} {
		err := checkArgumentSize(c.args, c.env)
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrCommandNotExecutable) || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 200) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestElfInterpreter(t *testing.T) {
	for _, name := range []string{"/bin/ls", "/bin/sh", "/usr/bin/env", "/bin/busybox"} {
		file, err := elf.Open(name)
		if err != nil {
			continue
		}
		want := ""
		for _, p := range file.Progs {
			if p.Type == elf.PT_INTERP {
				data := make([]byte, p.Filesz)
				if _, err := p.ReadAt(data, 0); err != nil {
					t.Fatal(err)
				}
				want = strings.TrimRight(string(data), "\x00")
			}
		}
		file.Close()
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := elfInterpreter(data[:min(4096, len(data))]); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
}

func FuzzElfInterpreter(f *testing.F) {
	f.Add([]byte(foreignELF()))
	f.Add(exitHead(f, "/bin/ls"))
	f.Add(exitHead(f, "/bin/busybox"))
	f.Fuzz(func(_ *testing.T, head []byte) {
		elfInterpreter(head)
		if len(head) > 2 {
			scriptInterpreter(head)
		}
	})
}

func exitHead(f *testing.F, name string) []byte {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	return data[:min(4096, len(data))]
}

func TestWorkDir(t *testing.T) {
	r := newRig(t).busybox()
	r.write("/etc/file", "")
	r.symlink("/proc/self/fd/7", "/fd")
	r.symlink("/proc", "/p")
	r.symlink("/etc", "/link")
	r.symlink("/nowhere", "/dangling")
	for _, tc := range []struct {
		image, option, cwd string
		want               error
	}{
		{"", "", "/", nil}, {"/etc", "", "/etc", nil}, {"etc", "", "/etc", nil}, {"/link", "", "/link", nil}, {"/new/dir", "", "/new/dir", nil}, {"/x/../y", "", "/y", nil},
		{"", "/etc/", "/etc", nil}, {"", "/proc", "/proc", nil}, {"", "/dev/shm", "/dev/shm", nil}, {"", "/sys/fs/cgroup", "/sys/fs/cgroup", nil}, {"", "/../..", "/", nil},
		{"", "rel", "", ErrWorkDir}, {"", "/none", "", ErrWorkDir}, {"", "/etc/file", "", ErrWorkDir}, {"/etc/file", "", "", ErrWorkDir}, {"/etc/file/x", "", "", ErrWorkDir},
		{"/proc/self/fd/3", "", "", ErrWorkDir}, {"", "/proc/self/fd/8", "", ErrWorkDir}, {"", "/proc/1/cwd", "", ErrWorkDir}, {"/fd", "", "", ErrWorkDir}, {"/p/self/cwd", "", "", ErrWorkDir},
		{"", "/a\x00b", "", ErrWorkDir},
	} {
		image := sh("true")
		image.WorkingDir = tc.image
		spec, err := r.spec(image, Options{WorkDir: tc.option})
		if !errors.Is(err, tc.want) || err == nil && spec.Process.Cwd != tc.cwd {
			t.Errorf("image %q, option %q: %v", tc.image, tc.option, err)
		}
	}
	if st, err := os.Stat(r.host("/new/dir")); err != nil || !st.IsDir() {
		t.Errorf("the image's working directory was not made: %v", err)
	}
	image := sh("true")
	image.WorkingDir = "/dangling/x"
	if _, err := r.spec(image, Options{}); err == nil {
		t.Error("a working directory behind a link to nothing is accepted")
	}
}

// A working directory behind a link to the host's tree is made inside
// (CVE-2026-55686), and belongs to the user.
func TestRunWorkDir(t *testing.T) {
	onRuntimes(t, func(t *testing.T, r *specRig, runtime string) {
		canary := t.TempDir()
		if err := os.MkdirAll(r.host(canary), 0o755); err != nil {
			t.Fatal(err)
		}
		r.symlink(canary, "/link")
		image := sh("pwd; stat -c '%u %g %a' .")
		image.WorkingDir = "/link/x/y"
		out, code := r.run(runtime, r.mustSpec(image, Options{User: "1000:100"}))
		if want := canary + "/x/y\n1000 100 755"; code != 0 || strings.TrimPrefix(out, "/link") != "/x/y\n1000 100 755" && out != want {
			t.Errorf("%q (%d); want %q", out, code, want)
		}
		if entries, err := os.ReadDir(canary); err != nil || len(entries) != 0 {
			t.Errorf("the host's tree has %v, %v", entries, err)
		}
		if _, err := os.Stat(filepath.Join(r.host(canary), "x/y")); err != nil {
			t.Errorf("not made inside: %v", err)
		}
		expectRun(t, r, runtime, "pwd", Options{WorkDir: "/etc"}, "/etc")
	})
}

func TestRunInit(t *testing.T) {
	path := FindInit(true)
	if path == "" {
		t.Skip("condition catatonit: not installed")
	}
	onRuntimes(t, func(t *testing.T, r *specRig, runtime string) {
		expectRun(t, r, runtime, "cat /proc/1/comm", Options{Init: true, InitPath: path}, "podman-init")
		expectRun(t, r, runtime, "cat /proc/1/comm", Options{Init: true, InitPath: path, ReadOnly: true}, "podman-init")
	})
}
