// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/tug-containers/tug/internal/errclass"
)

// enter runs the rig's container with a process that waits, and gives its first
// process. The container ends with the test.
func (g *runRig) enter() ExecOptions {
	g.t.Helper()
	root := g.spec.Root.Path
	for name, content := range map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\nsome:x:1000:100::/home/some:/bin/sh\n",
		"etc/group":  "root:x:0:\nusers:x:100:\nwheel:x:10:some\n",
	} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755); err != nil {
			g.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
			g.t.Fatal(err)
		}
	}
	if len(g.spec.Process.Env) == 1 {
		g.spec.Process.Env = []string{"PATH=/bin", "HOME=/root", "OWN=1"}
	}
	g.prepare("trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done")
	outR, outW := pipe(g.t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	begun := make(chan Process, 1)
	go func() {
		defer close(ended)
		_, err := g.runtime.Run(ctx, g.c, RunOptions{
			Stdio: Stdio{Out: outW}, StopTimeout: time.Millisecond,
			OnStart: func(p Process) error { begun <- p; return nil },
		})
		if err != nil && !errors.Is(err, context.Canceled) {
			g.t.Errorf("the container: %v", err)
		}
	}()
	g.t.Cleanup(func() { cancel(); <-ended })
	buf := make([]byte, 16)
	if n, err := outR.Read(buf); err != nil || string(buf[:n]) != "ready\n" {
		g.t.Fatalf("the container says %q, %v", buf[:n], err)
	}
	return ExecOptions{Init: <-begun}
}

// exec runs a process in the rig's container and gives what it wrote.
func (g *runRig) exec(o ExecOptions, args ...string) (exit Exit, stdout, stderr string, err error) {
	g.t.Helper()
	outR, outW := pipe(g.t)
	errR, errW := pipe(g.t)
	o.Stdio.Out, o.Stdio.Err, o.Process.Args = outW, errW, args
	out, errs := collect(outR), collect(errR)
	exit, err = g.runtime.Exec(g.t.Context(), g.c, o)
	outW.Close()
	errW.Close()
	if left, _ := filepath.Glob(filepath.Join(g.c.Bundle, "exec-*")); len(left) > 0 {
		g.t.Errorf("left: %q", left)
	}
	return exit, <-out, <-errs, err
}

func (g *runRig) sh(o ExecOptions, script string) (exit Exit, stdout, stderr string, err error) {
	g.t.Helper()
	return g.exec(o, "sh", "-c", script)
}

func TestExec(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		o := g.enter()
		inR, inW := pipe(t)
		o.Stdio.In = inR
		go func() {
			_, _ = io.WriteString(inW, "in\n")
			inW.Close()
		}()
		exit, stdout, stderr, err := g.sh(o, "echo out; echo err >&2; cat; echo $OWN; pwd; exit 7")
		if err != nil || exit.Code != 7 || !exit.Started || stdout != "out\nin\n1\n/\n" || stderr != "err\n" {
			t.Errorf("%+v, %v, %q, %q", exit, err, stdout, stderr)
		}
		o.Stdio.In = nil
		for script, want := range map[string]int{"exit 0": 0, "exit 1": 1, "exit 125": 125, "exit 127": 127, "exit 255": 255, "kill -9 $$": 137, "kill -TERM $$": 143} {
			exit, _, stderr, err := g.sh(o, script)
			if err != nil || exit.Code != want || !exit.Started {
				t.Errorf("%s: %+v, %v, %q", script, exit, err, stderr)
			}
		}
		for _, test := range []struct {
			args  []string
			want  error
			class errclass.Class
		}{
			{[]string{"nothing-here"}, ErrCommandNotFound, errclass.NotFound},
			{[]string{"/etc/passwd"}, ErrCommandNotExecutable, errclass.Usage},
			{[]string{"/proc/self/exe"}, ErrCommandNotExecutable, errclass.Usage},
			{[]string{"/proc/1/exe"}, ErrCommandNotExecutable, errclass.Usage},
			{[]string{"/etc"}, ErrCommandNotExecutable, errclass.Usage},
			{[]string{""}, ErrNoCommand, errclass.Usage},
			{nil, ErrNoCommand, errclass.Usage},
		} {
			exit, stdout, _, err := g.exec(o, test.args...)
			if class, _ := errclass.Of(err); !errors.Is(err, test.want) || class != test.class || exit.Started || stdout != "" {
				t.Errorf("%q: %+v, %v", test.args, exit, err)
			}
		}
	})
}

// What a process of the container is allowed, as the kernel tells it.
func TestExecIdentity(t *testing.T) {
	const status = `sed -n -e 's/^\(Uid\|Gid\|Groups\|CapInh\|CapPrm\|CapEff\|CapBnd\|CapAmb\|NoNewPrivs\):[[:space:]]*/\1 /p' /proc/self/status | sed -e 's/[[:space:]]\+/ /g' -e 's/ $//'; echo "$HOME"`
	const caps = "0000000000000021" // CAP_CHOWN, CAP_KILL
	const none = "0000000000000000"
	lines := func(ids, groups, inh, prm, eff, bnd, amb, home string) string {
		return fmt.Sprintf("Uid %s\nGid %s\nGroups %s\nCapInh %s\nCapPrm %s\nCapEff %s\nCapBnd %s\nCapAmb %s\nNoNewPrivs 1\n%s\n",
			strings.Split(ids, ":")[0], strings.Split(ids, ":")[1], groups, inh, prm, eff, bnd, amb, home)
	}
	four := func(uid, gid int) string {
		return fmt.Sprintf("%d %d %d %d:%d %d %d %d", uid, uid, uid, uid, gid, gid, gid, gid)
	}
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		g.spec.Process.NoNewPrivileges = true
		g.spec.Process.User = specs.User{AdditionalGids: []uint32{0, 7}}
		o := g.enter()
		for user, want := range map[string]string{
			"":           lines(four(0, 0), "0 7", none, caps, caps, caps, none, "/root"),
			"root":       lines(four(0, 0), "0 7", none, caps, caps, caps, none, "/root"),
			"0:0":        lines(four(0, 0), "0", none, caps, caps, caps, none, "/root"),
			"some":       lines(four(1000, 100), "10 100", none, none, none, caps, none, "/home/some"),
			"1000:wheel": lines(four(1000, 10), "10", none, none, none, caps, none, "/home/some"),
			"1":          lines(four(1, 0), "0", none, none, none, caps, none, "/"),
			"4000:4001":  lines(four(4000, 4001), "4001", none, none, none, caps, none, "/"),
		} {
			o.Process.User = user
			exit, stdout, stderr, err := g.sh(o, status)
			if err != nil || exit.Code != 0 || stdout != want {
				t.Errorf("user %q: %+v, %v, %q\n%s\nwant\n%s", user, exit, err, stderr, stdout, want)
			}
		}
		o.Process.User, o.Process.Privileged = "", true
		if _, stdout, _, err := g.sh(o, status); err != nil || !strings.Contains(stdout, "CapEff "+fullCaps(t)) || !strings.Contains(stdout, "CapInh "+none) {
			t.Errorf("privileged: %v, %s", err, stdout)
		}
		for _, user := range []string{"nobody-here", "some:nogroup", "-1", "01", "4294967295", ":"} {
			o.Process.User = user
			if exit, _, _, err := g.sh(o, "true"); !errors.Is(err, ErrUser) || exit.Started {
				t.Errorf("user %q: %+v, %v", user, exit, err)
			}
		}
	})
}

// fullCaps is our own bounding set as the kernel writes it.
func fullCaps(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "CapBnd:\t")
	caps, _, _ := strings.Cut(rest, "\n")
	return caps
}

func TestExecEnvironment(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		t.Setenv("SECRET", "ours")
		o := g.enter()
		o.Process.Env, o.Process.WorkDir = []string{"OWN=2", "MORE=a b=c", "EMPTY="}, "/tmp"
		_, stdout, stderr, err := g.sh(o, "env | sed /SHLVL/d; pwd")
		if want := "PATH=/bin\nHOME=/root\nOWN=2\nMORE=a b=c\nEMPTY=\nPWD=/tmp\n/tmp\n"; err != nil || sortedLines(stdout) != sortedLines(want) {
			t.Errorf("%v, %q, %q", err, stdout, stderr)
		}
		for _, entry := range []string{"NAME", "=x", "A\x00=b", "X*=1"} {
			o.Process.Env = []string{entry}
			if exit, _, _, err := g.sh(o, "true"); !errors.Is(err, ErrOption) || exit.Started {
				t.Errorf("%q: %+v, %v", entry, exit, err)
			}
		}
	})
}

func sortedLines(s string) string {
	return strings.Join(slices.Sorted(strings.Lines(s)), "")
}

// A working directory leads nowhere but into the container (CVE-2024-21626).
func TestExecWorkDir(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		o := g.enter()
		root := g.spec.Root.Path
		for link, to := range map[string]string{"link": "/proc/self/fd/7", "loop": "loop", "up": "../../../../tmp", "one": "proc/1/cwd"} {
			if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
				t.Fatal(err)
			}
		}
		bad := []string{"/proc/1/cwd", "/proc/self/cwd", "/link", "/one", "/loop", "/nothing", "/etc/passwd", "relative", "/a\x00b"}
		for n := 3; n <= 20; n++ {
			bad = append(bad, fmt.Sprintf("/proc/self/fd/%d", n), fmt.Sprintf("/proc/self/fd/%d/../..", n))
		}
		for _, dir := range bad {
			o.Process.WorkDir = dir
			if exit, stdout, _, err := g.sh(o, "ls"); !errors.Is(err, ErrWorkDir) || exit.Started || stdout != "" {
				t.Errorf("%s: %+v, %v, %q", dir, exit, err, stdout)
			}
		}
		for dir, want := range map[string]string{"/tmp": "/tmp\n", "/up": "/tmp\n", "/tmp/../etc": "/etc\n", "/proc": "/proc\n"} {
			o.Process.WorkDir = dir
			if _, stdout, stderr, err := g.exec(o, "/bin/busybox", "sh", "-c", "pwd -P"); err != nil || stdout != want {
				t.Errorf("%s: %v, %q, %q", dir, err, stdout, stderr)
			}
		}
	})
}

func TestExecDescriptors(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		leak, err := syscall.Open("/etc/passwd", syscall.O_RDONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer syscall.Close(leak)
		o := g.enter()
		extraR, extraW := pipe(t)
		o.Stdio.Extra = []*os.File{extraW}
		_, stdout, stderr, err := g.exec(o, "/bin/sh", "-c", "echo extra >&3; ls /proc/self/fd")
		extraW.Close()
		// ls has its directory open as 4.
		if data, rerr := io.ReadAll(extraR); err != nil || rerr != nil || string(data) != "extra\n" || stdout != "0\n1\n2\n3\n4\n" {
			t.Errorf("%v, %v, %q, %q, %q", err, rerr, data, stdout, stderr)
		}
	})
}

func TestExecNotRunning(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		o := g.enter()
		for what, p := range map[string]Process{
			"never started": {}, "gone": {Pid: 1 << 22, StartTime: 7}, "another": {Pid: o.Init.Pid, StartTime: o.Init.StartTime + 1},
		} {
			exit, stdout, _, err := g.sh(ExecOptions{Init: p}, "echo in")
			if class, object := errclass.Of(err); !errors.Is(err, ErrNotRunning) || class != errclass.Conflict || object != g.c.ID || exit.Started || stdout != "" {
				t.Errorf("%s: %+v, %v, %q", what, exit, err, stdout)
			}
		}
	})
}

func TestExecDetached(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		o := g.enter()
		o.Detach = true
		exit, stdout, stderr, err := g.sh(o, "echo heard; echo >/tmp/begun; sleep 600 & wait")
		if err != nil || !exit.Started || exit.Code != 0 || stdout+stderr != "" {
			t.Fatalf("%+v, %v, %q, %q", exit, err, stdout, stderr)
		}
		eventually(t, time.Minute, "it runs", func() bool {
			_, err := os.Stat(filepath.Join(g.spec.Root.Path, "tmp/begun"))
			return err == nil
		})
		if !exit.Process.Alive() {
			t.Error("its process is not there")
		}
		if exit, _, _, err = g.exec(o, "nothing-here"); !errors.Is(err, ErrCommandNotFound) || exit.Started {
			t.Errorf("%+v, %v", exit, err)
		}
	})
}

// Signals reach the process, and ctx and Timeout end it; the container lives on.
func TestExecEnds(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		o := g.enter()
		const script = "trap 'exit 42' TERM; echo ready; while :; do sleep 0.02; done"
		ready := func(o *ExecOptions, then func()) {
			outR, outW := pipe(t)
			o.Process.Args, o.Stdio.Out = []string{"sh", "-c", script}, outW
			go func() {
				if n, _ := outR.Read(make([]byte, 16)); n > 0 {
					then()
				}
			}()
		}
		signals, send := sends()
		withSignals := o
		withSignals.Signals = signals
		ready(&withSignals, func() { send(syscall.SIGTERM) })
		if exit, err := g.runtime.Exec(t.Context(), g.c, withSignals); err != nil || exit.Code != 42 || exit.Interrupted != 0 {
			t.Errorf("signal: %+v, %v", exit, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancelled := o
		ready(&cancelled, cancel)
		if exit, err := g.runtime.Exec(ctx, g.c, cancelled); !errors.Is(err, context.Canceled) || exit.Code != 42 {
			t.Errorf("cancelled: %+v, %v", exit, err)
		}
		timed := o
		timed.Timeout = 50 * time.Millisecond
		ready(&timed, func() {})
		if exit, err := g.runtime.Exec(t.Context(), g.c, timed); err != nil || !exit.TimedOut || exit.Code != 137 {
			t.Errorf("timed out: %+v, %v", exit, err)
		}
		if !o.Init.Alive() {
			t.Error("the container is gone")
		}
	})
}

// Whatever a process writes, we do not keep it.
func TestExecEndlessOutput(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		o := g.enter()
		outR, outW := pipe(t)
		o.Process.Args, o.Stdio.Out = []string{"sh", "-c", "cat /dev/zero | head -c 67108864"}, outW
		read := make(chan int64, 1)
		go func() {
			n, _ := io.Copy(io.Discard, outR)
			read <- n
		}()
		exit, err := g.runtime.Exec(t.Context(), g.c, o)
		outW.Close()
		if n := <-read; err != nil || exit.Code != 0 || n != 64<<20 {
			t.Errorf("%+v, %v, %d bytes", exit, err, n)
		}
	})
}
