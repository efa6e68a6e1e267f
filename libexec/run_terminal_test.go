// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/console"
	"golang.org/x/sys/unix"
)

// person is somebody at a terminal: they type into keys, and see screen.
type person struct {
	t      testing.TB
	keys   console.Console
	tty    *os.File
	mutex  sync.Mutex
	screen bytes.Buffer
}

func sitDown(t *testing.T) *person {
	t.Helper()
	master, slave, err := console.NewPty()
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, keys: master}
	if p.tty, err = os.OpenFile(slave, os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.tty.Close(); master.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			p.mutex.Lock()
			p.screen.Write(buf[:n])
			p.mutex.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return p
}

func (p *person) sees() string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.screen.String()
}

func (p *person) waitFor(text string) {
	p.t.Helper()
	eventually(p.t, time.Minute, text, func() bool { return strings.Contains(p.sees(), text) })
}

func (p *person) types(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.keys, text); err != nil {
		p.t.Error(err)
	}
}

func (p *person) modes() unix.Termios {
	p.t.Helper()
	modes, err := unix.IoctlGetTermios(int(p.tty.Fd()), unix.TCGETS)
	if err != nil {
		p.t.Fatal(err)
	}
	return *modes
}

// at runs the rig at that person's terminal while they do something.
func (g *runRig) at(p *person, does func()) (Exit, error) {
	g.t.Helper()
	g.opts.Stdio = Stdio{In: p.tty, Out: p.tty, Err: p.tty}
	before := p.modes()
	done := make(chan struct{})
	go func() {
		defer close(done)
		does()
	}()
	exit, err := g.runtime.Run(g.t.Context(), g.c, g.opts)
	<-done
	if after := p.modes(); after != before {
		g.t.Errorf("terminal left in other modes: %+v, was %+v", after, before)
	}
	g.nothingLeft()
	return exit, err
}

func TestTerminal(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		g.opts.Terminal = true
		signals, send := sends()
		g.opts.Signals = signals
		p := sitDown(t)
		if err := p.keys.Resize(console.WinSize{Width: 91, Height: 33}); err != nil {
			t.Fatal(err)
		}
		g.prepare(`tty; stty size; trap 'stty size; echo resized' WINCH; echo rea''dy; while :; do read line && break; done; echo "got $line"; exit 7`)
		exit, err := g.at(p, func() {
			p.waitFor("ready")
			if p.modes().Lflag&unix.ICANON != 0 {
				t.Error("the terminal is not in raw mode")
			}
			_ = p.keys.Resize(console.WinSize{Width: 50, Height: 20})
			send(syscall.SIGWINCH)
			p.waitFor("resized")
			p.types("hello\r")
		})
		if err != nil || exit.Code != 7 || !exit.Started {
			t.Errorf("%+v, %v", exit, err)
		}
		for _, want := range []string{"/dev/pts/0\r\n", "33 91\r\n", "20 50\r\n", "got hello\r\n"} {
			p.waitFor(want)
		}
	})
}

func TestTerminalKeys(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		g.opts.Terminal = true
		p := sitDown(t)
		g.prepare(`trap 'exit 3' INT; echo rea''dy; while :; do sleep 0.02; done`)
		exit, err := g.at(p, func() { p.waitFor("ready"); p.types("\x03") })
		if err != nil || exit.Code != 3 {
			t.Errorf("^C: %+v, %v", exit, err)
		}
		p = sitDown(t)
		g.prepare(`echo rea''dy; cat; echo done`)
		exit, err = g.at(p, func() { p.waitFor("ready"); p.types("abc\r\x04") })
		if err != nil || exit.Code != 0 {
			t.Errorf("^D: %+v, %v", exit, err)
		}
		p.waitFor("abc\r\nabc\r\ndone\r\n")
	})
}

// Everything written just before the end arrives.
func TestTerminalBurst(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		g.opts.Terminal = true
		g.spec.Process.Args = nil
		for _, script := range []string{
			"stty -opost; dd if=/dev/zero bs=1024 count=1024 2>/dev/null; echo",
			"stty -opost; head -c 1048576 /dev/zero & wait; echo",
		} {
			g.spec.Mounts[1].Options = []string{"nosuid", "mode=755"}
			g.prepare(script)
			exit, stdout, _, err := g.run()
			if want := 1<<20 + 1; err != nil || exit.Code != 0 || len(stdout) != want || stdout[want-1] != '\n' {
				t.Errorf("%s: %d bytes of %d, %+v, %v", script, len(stdout), want, exit, err)
			}
		}
		// Short ones, over and over.
		g.prepare("echo a short line")
		for i := range 15 {
			_, stdout, _, err := g.run()
			if err != nil || stdout != "a short line\r\n" {
				t.Fatalf("round %d: %q, %v", i, stdout, err)
			}
		}
	})
}

// A terminal for the container, and none for us.
func TestTerminalWithoutTerminal(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		g.opts.Terminal = true
		for input, want := range map[string]string{
			"one\ntwo\n": "[one]\r\n[two]\r\nend\r\n", "one\ntwo": "[one]\r\n[two]end\r\n", "": "end\r\n",
		} {
			inR, inW := pipe(t)
			g.opts.Stdio.In = inR
			_, _ = io.WriteString(inW, input)
			inW.Close()
			// The terminal echoes what it gets; cat says it again. The end of our input
			// is the end of cat's, also in the middle of a line.
			g.prepare(`cat | sed 's/.*/[&]/'; echo end`)
			exit, stdout, _, err := g.run()
			if err != nil || exit.Code != 0 || !strings.HasSuffix(stdout, want) {
				t.Errorf("%q: %+v, %v, %q, want %q", input, exit, err, stdout, want)
			}
		}
		g.opts.Stdio.In = nil
		g.prepare("tty; exit 4")
		exit, stdout, _, err := g.run()
		if err != nil || exit.Code != 4 || stdout != "/dev/pts/0\r\n" {
			t.Errorf("no stdin: %+v, %v, %q", exit, err, stdout)
		}
	})
}

// A process outside of a pid namespace that keeps the terminal open.
func TestTerminalHeldOpen(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		g.opts.Terminal = true
		g.hostPids()
		g.prepare("trap '' HUP; sleep 60 & echo begun; exit 5")
		start := time.Now()
		exit, stdout, _, err := g.run()
		if err != nil || exit.Code != 5 || stdout != "begun\r\n" || time.Since(start) > 50*time.Second {
			t.Errorf("%+v, %v, %q after %v", exit, err, stdout, time.Since(start))
		}
	})
}

func TestTerminalSignals(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		g.opts.Terminal = true
		g.prepare("trap 'exit 42' TERM; while :; do sleep 0.01; done")
		p := sitDown(t)
		seen := map[int]int{}
		for i := range 30 {
			signals, send := sends()
			g.opts.Signals = signals
			ended := make(chan struct{})
			go func() {
				for wait := time.Duration(i) * time.Millisecond; ; wait = 100 * time.Millisecond {
					select {
					case <-ended:
						return
					case <-time.After(wait):
						send(syscall.SIGTERM)
					}
				}
			}()
			exit, err := g.at(p, func() {})
			close(ended)
			if err != nil || exit.Code != 42 && exit.Code != 143 || (exit.Code == 143) != (exit.Interrupted == syscall.SIGTERM) {
				t.Errorf("after %d ms: %+v, %v", i, exit, err)
			}
			seen[exit.Code]++
			if t.Failed() {
				return
			}
		}
		t.Logf("exit codes: %v", seen)
	})
}

func TestTerminalFailures(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		g.opts.Terminal = true
		g.command("nothere")
		p := sitDown(t)
		_, err := g.at(p, func() {})
		if !errors.Is(err, ErrCommandNotFound) {
			t.Errorf("no command: %v", err)
		}
		g.opts.Timeout = 100 * time.Millisecond
		g.prepare("trap '' TERM; sleep 60")
		exit, err := g.at(p, func() {})
		if err != nil || exit.Code != 137 || !exit.TimedOut {
			t.Errorf("time-out: %+v, %v", exit, err)
		}
	})
	t.Run("fake", func(t *testing.T) {
		for cases, want := range map[string]string{
			`create) sleep 0.2 & echo $! >"$pidfile"; exit 0;;` + fakeDelete:           "create: console socket",
			`create) exit 0;;` + fakeDelete:                                            "create: exit status 0, but the container was not started",
			`create) echo broken >&2; mkdir "$root/$id"; kill -ABRT $$;;` + fakeDelete: "create: ended by signal 6 (aborted): broken",
		} {
			g := newFake(t, cases)
			g.opts.Terminal = true
			_, err := g.at(sitDown(t), func() {})
			if !errors.Is(err, ErrRuntimeFailed) || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		}
	})
}

// Nobody reads what the container wrote last: a signal gets us out.
func TestTerminalNobodyReads(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		g.opts.Terminal = true
		signals, send := sends()
		_, outW := pipe(t)
		g.opts.Signals, g.opts.Stdio.Out = signals, outW
		g.prepare("dd if=/dev/zero bs=1024 count=66 2>/dev/null; exit 9")
		var pid int
		g.opts.OnStart = func(p Process) error { pid = p.Pid; return nil }
		go func() {
			for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
				if pid != 0 && !(Process{Pid: pid}).Alive() {
					break
				}
			}
			time.Sleep(200 * time.Millisecond)
			send(syscall.SIGTERM)
		}()
		start := time.Now()
		exit, err := g.runtime.Run(t.Context(), g.c, g.opts)
		if err != nil || exit.Code != 9 || time.Since(start) > time.Minute {
			t.Errorf("%+v, %v after %v", exit, err, time.Since(start))
		}
	})
}
