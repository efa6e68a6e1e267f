// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// runRig is a container of a busybox in a bundle of its own.
type runRig struct {
	t       testing.TB
	runtime *Runtime
	c       Container
	spec    *specs.Spec
	opts    RunOptions
}

// onEachRuntime runs test once for each real runtime; it needs root.
func onEachRuntime(t *testing.T, test func(t *testing.T, g *runRig)) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("condition root: not root")
	}
	for _, name := range candidates {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(name); err != nil {
				t.Skipf("condition %s: not installed", name)
			}
			test(t, newRunRig(t, name))
		})
	}
}

func newRunRig(t testing.TB, runtime string) *runRig {
	t.Helper()
	box := "/bin/busybox"
	if _, err := os.Stat(box); err != nil {
		t.Skip("condition busybox: no " + box)
	}
	dir := t.TempDir()
	r, err := FindRuntime(t.Context(), RuntimeOptions{Name: runtime, StateDir: filepath.Join(dir, "state"), ScratchDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	random := make([]byte, 6)
	_, _ = rand.Read(random)
	g := &runRig{t: t, runtime: r, c: Container{ID: "tugtest-" + hex.EncodeToString(random), Bundle: filepath.Join(dir, "bundle")}}
	root := filepath.Join(g.c.Bundle, "rootfs")
	for _, d := range []string{"bin", "proc", "sys", "dev", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	copyFile(t, box, filepath.Join(root, "bin/busybox"))
	for _, applet := range []string{"sh", "true", "cat", "ls", "sleep", "id", "tty", "stty", "dd", "head", "kill", "env", "sed"} {
		if err := os.Symlink("busybox", filepath.Join(root, "bin", applet)); err != nil {
			t.Fatal(err)
		}
	}
	g.spec = &specs.Spec{
		Version: "1.0.2",
		Root:    &specs.Root{Path: root},
		Process: &specs.Process{Cwd: "/", Env: []string{"PATH=/bin"}},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "mode=755", "size=65536k"}},
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"newinstance", "ptmxmode=0666", "mode=0620"}},
		},
		Linux: &specs.Linux{
			CgroupsPath: "/" + g.c.ID,
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace}, {Type: specs.MountNamespace}, {Type: specs.IPCNamespace}, {Type: specs.UTSNamespace},
			},
		},
	}
	caps := []string{"CAP_KILL", "CAP_CHOWN"}
	g.spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
	t.Cleanup(g.nothingLeft)
	return g
}

// hostPids takes the pid namespace away.
func (g *runRig) hostPids() { g.spec.Linux.Namespaces = g.spec.Linux.Namespaces[1:] }

// prepare writes the bundle for a shell script.
func (g *runRig) prepare(script string) { g.command("/bin/sh", "-c", script) }

func (g *runRig) command(args ...string) {
	g.t.Helper()
	g.spec.Process.Args = args
	g.spec.Process.Terminal = g.opts.Terminal
	data, err := json.Marshal(g.spec)
	if err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(g.c.Bundle, "config.json"), data, 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// run runs the bundle and gives what it wrote to stdout and stderr.
func (g *runRig) run() (exit Exit, stdout, stderr string, err error) {
	g.t.Helper()
	outR, outW := pipe(g.t)
	errR, errW := pipe(g.t)
	g.opts.Stdio.Out, g.opts.Stdio.Err = outW, errW
	out, errs := collect(outR), collect(errR)
	exit, err = g.runtime.Run(g.t.Context(), g.c, g.opts)
	outW.Close()
	errW.Close()
	return exit, <-out, <-errs, err
}

// nothingLeft is what Run promises.
func (g *runRig) nothingLeft() {
	g.t.Helper()
	if _, err := os.Lstat(filepath.Join(g.runtime.root, g.c.ID)); !os.IsNotExist(err) {
		g.t.Errorf("state of %s is left", g.c.ID)
	}
	mounts, err := cgroupMounts()
	if err != nil {
		g.t.Error(err)
	}
	for _, mount := range mounts {
		if _, err := os.Stat(filepath.Join(mount, g.c.ID)); err == nil && strings.HasPrefix(mount, "/sys/") {
			g.t.Errorf("cgroup %s/%s is left", mount, g.c.ID)
		}
	}
	if left := processesOf(g.c.Bundle); len(left) > 0 {
		g.t.Errorf("processes left: %q", left)
	}
	if _, err := os.Lstat(filepath.Join(g.c.Bundle, "console")); err == nil {
		g.t.Error("console socket is left")
	}
}

// processesOf lists processes that name the bundle or live in it.
func processesOf(bundle string) []string {
	entries, _ := os.ReadDir("/proc")
	var found []string
	for _, e := range entries {
		line, err := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		if err != nil || e.Name() == "self" {
			continue
		}
		root, _ := os.Readlink("/proc/" + e.Name() + "/root")
		if strings.Contains(string(line), bundle) || strings.HasPrefix(root, bundle) {
			found = append(found, e.Name()+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

func pipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

func collect(r io.Reader) <-chan string {
	c := make(chan string, 1)
	go func() {
		data, _ := io.ReadAll(r)
		c <- string(data)
	}()
	return c
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o755); err != nil {
		t.Fatal(err)
	}
}

// sends gives Signals that a test feeds itself.
func sends() (*Signals, func(syscall.Signal)) {
	s := &Signals{c: make(chan os.Signal, 64), rest: true}
	return s, func(sig syscall.Signal) { s.c <- sig }
}

// eventually fails the test when f does not come true.
func eventually(t testing.TB, limit time.Duration, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !f(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}
