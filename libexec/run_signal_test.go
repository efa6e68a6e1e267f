// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tug-containers/tug/internal/proc"
)

func TestSignalsForwarded(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM} {
			signals, send := sends()
			g.opts.Signals = signals
			begun := make(chan struct{})
			g.opts.OnStart = func(Process) error { close(begun); return nil }
			outR, outW := pipe(t)
			g.opts.Stdio.Out = outW
			g.prepare("trap 'exit 42' HUP INT QUIT TERM USR1 USR2 ALRM; echo ready; while :; do sleep 0.02; done")
			go func() {
				<-begun
				_, _ = bufio.NewReader(outR).ReadString('\n')
				send(sig)
			}()
			exit, err := g.runtime.Run(t.Context(), g.c, g.opts)
			if err != nil || exit.Code != 42 || !exit.Started || exit.Interrupted != 0 {
				t.Errorf("%v: %+v, %v", sig, exit, err)
			}
			outW.Close()
		}
	})
}

// Whenever a signal comes, nothing is left (the rig looks), and the code is the
// container's or 128 plus the signal.
func TestSignalAnyMoment(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		g.prepare("trap 'exit 42' TERM; while :; do sleep 0.01; done")
		rounds := 40
		if testing.Short() {
			rounds = 10
		}
		seen := map[int]int{}
		for i := range rounds {
			signals, send := sends()
			g.opts.Signals = signals
			after := time.Duration(i)*400*time.Microsecond + time.Duration(rand.IntN(400))*time.Microsecond
			ended := make(chan struct{})
			go func() {
				// A shell that has not set its trap yet never sees a signal: insist.
				for wait := after; ; wait = 100 * time.Millisecond {
					select {
					case <-ended:
						return
					case <-time.After(wait):
						send(syscall.SIGTERM)
					}
				}
			}()
			exit, err := g.runtime.Run(t.Context(), g.c, g.opts)
			close(ended)
			if err != nil || exit.Code != 42 && exit.Code != 143 || (exit.Code == 143) != (exit.Interrupted == syscall.SIGTERM) {
				t.Errorf("after %v: %+v, %v", after, exit, err)
			}
			seen[exit.Code]++
			g.nothingLeft()
			if t.Failed() {
				return
			}
		}
		t.Logf("exit codes: %v", seen)
	})
}

// TestMain makes the test's own program the client that other tests start.
func TestMain(m *testing.M) {
	if runtime, bundle, found := strings.Cut(os.Getenv("TUG_TEST_CLIENT"), ":"); found {
		os.Exit(runClient(runtime, bundle))
	}
	os.Exit(m.Run())
}

func runClient(runtime, bundle string) int {
	const broken = 99
	signals := CatchSignals()
	defer signals.Stop()
	ctx := context.Background()
	r, err := FindRuntime(ctx, RuntimeOptions{Name: runtime, StateDir: bundle + "/../state"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return broken
	}
	exit, err := r.Run(ctx, Container{ID: os.Getenv("TUG_TEST_ID"), Bundle: bundle}, RunOptions{
		Signals: signals,
		Stdio:   Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return broken
	}
	return exit.Code
}

func (g *runRig) client(t *testing.T) *os.Process {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	return g.clientOn(t, null, &syscall.SysProcAttr{})
}

func (g *runRig) clientOn(t *testing.T, tty *os.File, attr *syscall.SysProcAttr) *os.Process {
	t.Helper()
	p, err := os.StartProcess("/proc/self/exe", []string{"client"}, &os.ProcAttr{
		Files: []*os.File{tty, tty, tty},
		Sys:   attr,
		Env:   append(os.Environ(), "TUG_TEST_CLIENT="+g.runtime.Name+":"+g.c.Bundle, "TUG_TEST_ID="+g.c.ID),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Kill(); _, _ = p.Wait() })
	return p
}

// The container of a client that was killed runs on, is found by its pid file,
// and goes with Delete.
func TestClientDies(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		g.prepare("sleep 60")
		client := g.client(t)
		pid := 0
		eventually(t, time.Minute, "a pid file", func() bool {
			pid = proc.PidFile(g.c.pidFile())
			return pid != 0
		})
		eventually(t, time.Minute, "the command", func() bool {
			stub, ok := g.runtime.inRuntime(pid)
			return ok && !stub
		})
		process, err := FindProcess(pid)
		if err != nil {
			t.Fatal(err)
		}
		_ = client.Kill()
		_, _ = client.Wait()
		time.Sleep(50 * time.Millisecond)
		if !process.Alive() {
			t.Error("the container died with its client")
		}
		if err := g.runtime.Delete(t.Context(), g.c); err != nil {
			t.Error(err)
		}
		eventually(t, time.Minute, "the end", func() bool { return !process.Alive() && len(processesOf(g.c.Bundle)) == 0 })
		if err := g.runtime.Delete(t.Context(), g.c); err != nil {
			t.Errorf("delete again: %v", err)
		}
	})
}

// Real signals to a real process, from its first moment on.
func TestClientInterrupted(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		g.prepare("trap 'exit 42' TERM; while :; do sleep 0.01; done")
		for i := range 12 {
			client := g.client(t)
			time.Sleep(time.Duration(i*4) * time.Millisecond)
			ended := make(chan struct{})
			go func() {
				for {
					select {
					case <-ended:
						return
					default:
						_ = client.Signal(syscall.SIGTERM)
						time.Sleep(100 * time.Millisecond)
					}
				}
			}()
			state, err := client.Wait()
			close(ended)
			if err != nil {
				t.Fatal(err)
			}
			status := state.Sys().(syscall.WaitStatus)
			early := status.Signaled() && status.Signal() == syscall.SIGTERM // before CatchSignals
			if code := status.ExitStatus(); !early && code != 42 && code != 143 {
				t.Errorf("round %d: %v", i, state)
			}
			g.nothingLeft()
		}
	})
}

// A person at a terminal, and a container that has none of its own: ^C reaches
// it once, and it reads what they type.
func TestKeysWithoutTerminal(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		p := sitDown(t)
		g.prepare(`trap 'echo inter''rupted' INT; echo rea''dy; while [ "$line" != two ]; do read line; echo "got $line"; done; exit 6`)
		client := g.clientOn(t, p.tty, &syscall.SysProcAttr{Setsid: true, Setctty: true})
		p.waitFor("ready")
		p.types("one\n")
		p.waitFor("got one")
		p.types("\x03")
		p.waitFor("interrupted")
		p.types("two\n")
		p.waitFor("got two")
		state, err := client.Wait()
		if err != nil || state.ExitCode() != 6 {
			t.Errorf("%v, %v", state, err)
		}
		if n := strings.Count(p.sees(), "interrupted"); n != 1 {
			t.Errorf("interrupted %d times: %q", n, p.sees())
		}
	})
}
