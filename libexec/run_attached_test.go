// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestExitCode(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		for _, code := range []int{0, 1, 2, 100, 125, 126, 127, 128, 137, 254, 255} {
			g.prepare(fmt.Sprintf("exit %d", code))
			exit, _, stderr, err := g.run()
			if err != nil || exit.Code != code || !exit.Started || exit.Note != "" {
				t.Errorf("exit %d: %+v, %v, stderr %q", code, exit, err, stderr)
			}
		}
		for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGSEGV, syscall.SIGUSR1} {
			h := *g
			h.spec = cloneWithoutPids(g.spec)
			h.prepare(fmt.Sprintf("kill -%d $$; sleep 5", int(sig)))
			exit, _, _, err := h.run()
			if err != nil || exit.Code != 128+int(sig) || !exit.Started {
				t.Errorf("signal %d: %+v, %v", sig, exit, err)
			}
		}
	})
}

func cloneWithoutPids(s *specs.Spec) *specs.Spec {
	c, linux, process := *s, *s.Linux, *s.Process
	linux.Namespaces = linux.Namespaces[1:]
	c.Linux, c.Process = &linux, &process
	return &c
}

func TestStdio(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		g.prepare("echo out; echo err >&2; cat; echo end")
		exit, stdout, stderr, err := g.run()
		if err != nil || exit.Code != 0 || stdout != "out\nend\n" || stderr != "err\n" {
			t.Errorf("without stdin: %+v, %v, %q, %q", exit, err, stdout, stderr)
		}
		inR, inW := pipe(t)
		g.opts.Stdio.In = inR
		go func() {
			_, _ = io.WriteString(inW, strings.Repeat("0123456789abcde\n", 1<<16))
			inW.Close()
		}()
		_, stdout, _, err = g.run()
		if want := len("out\nend\n") + 1<<20; err != nil || len(stdout) != want {
			t.Errorf("1 MiB through stdin: %d bytes of %d, %v", len(stdout), want, err)
		}
	})
}

func TestDescriptors(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		// What a careless parent leaves open.
		leak, err := syscall.Open("/etc/passwd", syscall.O_RDONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer syscall.Close(leak)
		g.prepare("ls -1 /proc/self/fd; cat /proc/self/environ")
		_, stdout, stderr, err := g.run()
		// ls itself opens the directory as 3.
		if want := "0\n1\n2\n3\n"; err != nil || !strings.HasPrefix(stdout, want) || strings.Count(stdout, "\n") != 4 {
			t.Errorf("descriptors: %q, want %q, %v, %s", stdout, want, err, stderr)
		}
		file, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		_, _ = file.WriteString("secret word\n")
		_, _ = file.Seek(0, io.SeekStart)
		_, w := pipe(t)
		g.opts.Stdio.Extra = []*os.File{file, w}
		g.prepare("cat <&3; ls -1 /proc/self/fd")
		_, stdout, _, err = g.run()
		if want := "secret word\n0\n1\n2\n3\n4\n5\n"; err != nil || stdout != want {
			t.Errorf("two more descriptors: %q, want %q, %v", stdout, want, err)
		}
	})
}

func TestUserVerified(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		g.spec.Process.User = specs.User{UID: 1000, GID: 1001}
		g.spec.Process.Capabilities = nil
		g.opts.User = &g.spec.Process.User
		g.prepare("id -u; id -g; sleep 0.1")
		exit, stdout, _, err := g.run()
		if err != nil || exit.Code != 0 || stdout != "1000\n1001\n" {
			t.Errorf("right user: %+v, %v, %q", exit, err, stdout)
		}
		g.opts.User = &specs.User{UID: 1234, GID: 1001}
		g.prepare("sleep 60")
		start := time.Now()
		_, _, _, err = g.run()
		if !errors.Is(err, ErrWrongUser) || time.Since(start) > 50*time.Second {
			t.Errorf("wrong user: %v after %v", err, time.Since(start))
		}
		// Root could have become anybody, but the kernel knows that it was root
		// when it was started.
		g.spec.Process.User = specs.User{}
		g.spec.Process.Capabilities = allCapabilities()
		g.command("/bin/sleep", "60")
		g.opts.Args = g.spec.Process.Args
		start = time.Now()
		_, _, _, err = g.run()
		if !errors.Is(err, ErrWrongUser) || time.Since(start) > 50*time.Second {
			t.Errorf("root: %v after %v", err, time.Since(start))
		}
	})
}

func TestTimeout(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		g.opts.Timeout = 100 * time.Millisecond
		g.prepare("trap '' TERM; sleep 60")
		start := time.Now()
		exit, _, _, err := g.run()
		if err != nil || !exit.TimedOut || exit.Code != 137 || time.Since(start) > 50*time.Second {
			t.Errorf("%+v, %v after %v", exit, err, time.Since(start))
		}
	})
}

func TestCancel(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		ready, readyW := pipe(t)
		g.opts.Stdio.Out = readyW
		run := func(script string) (Exit, time.Duration, error) {
			g.prepare(script)
			ctx, cancel := context.WithCancelCause(t.Context())
			var start time.Time
			begun := make(chan struct{})
			g.opts.OnStart = func(Process) error { close(begun); return nil }
			go func() {
				_, _ = ready.Read(make([]byte, 16))
				<-begun
				start = time.Now()
				cancel(errors.New("enough"))
			}()
			exit, err := g.runtime.Run(ctx, g.c, g.opts)
			return exit, time.Since(start), err
		}
		exit, _, err := run("trap 'exit 9' TERM; echo; while :; do sleep 0.05; done")
		if exit.Code != 9 || err == nil || !strings.Contains(err.Error(), "enough") {
			t.Errorf("polite: %+v, %v", exit, err)
		}
		g.opts.StopSignal = syscall.SIGUSR1
		exit, _, err = run("trap 'exit 8' USR1; echo; while :; do sleep 0.05; done")
		if exit.Code != 8 || err == nil {
			t.Errorf("other signal: %+v, %v", exit, err)
		}
		g.opts.StopTimeout = 100 * time.Millisecond
		exit, took, err := run("trap '' TERM USR1; echo; while :; do sleep 0.05; done")
		if exit.Code != 137 || err == nil || took > time.Minute {
			t.Errorf("stubborn: %+v, %v after %v", exit, err, took)
		}
	})
}

func TestOnStart(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		var got Process
		g.opts.OnStart = func(p Process) error { got = p; return nil }
		g.prepare("sleep 0.1")
		exit, _, _, err := g.run()
		if err != nil || got.Pid == 0 || got.StartTime == 0 || exit.Process != got || got.Alive() {
			t.Errorf("%+v, %v, %+v", exit, err, got)
		}
		g.command("/bin/true")
		for range 20 {
			got = Process{}
			exit, _, _, err = g.run()
			if err != nil || exit.Code != 0 || got.Pid == 0 {
				t.Fatalf("short: %+v, %v, %+v", exit, err, got)
			}
		}
		g.opts.OnStart = func(Process) error { return errors.New("no room for the record") }
		g.prepare("sleep 60")
		_, _, _, err = g.run()
		if err == nil || !strings.Contains(err.Error(), "no room") {
			t.Errorf("refused: %v", err)
		}
	})
}

func TestCommandOfRuntimeFails(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		for command, want := range map[string]error{
			"nothere": ErrCommandNotFound, "/bin/nothere": ErrCommandNotFound, "/tmp": ErrCommandNotExecutable,
		} {
			g.command(command)
			exit, _, _, err := g.run()
			if !errors.Is(err, want) || !errors.Is(err, ErrRuntimeFailed) || exit.Started {
				t.Errorf("%s: %+v, %v", command, exit, err)
			}
			if err != nil && (!strings.HasPrefix(err.Error(), g.runtime.Path+" run: ") || strings.Contains(err.Error(), "\n")) {
				t.Errorf("%s: message %q", command, err)
			}
		}
	})
}

func allCapabilities() *specs.LinuxCapabilities {
	names := []string{"CAP_SETUID", "CAP_SETGID"}
	return &specs.LinuxCapabilities{Bounding: names, Effective: names, Permitted: names}
}
