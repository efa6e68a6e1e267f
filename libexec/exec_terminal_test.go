// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/console"
	"golang.org/x/sys/unix"
)

// execAt runs a shell script in the rig's container at that person's terminal
// while they do something.
func (g *runRig) execAt(p *person, o ExecOptions, script string, does func()) (Exit, error) {
	g.t.Helper()
	o.Process.Args, o.Process.Terminal = []string{"sh", "-c", script}, true
	o.Stdio = Stdio{In: p.tty, Out: p.tty, Err: p.tty}
	before := p.modes()
	done := make(chan struct{})
	go func() {
		defer close(done)
		does()
	}()
	exit, err := g.runtime.Exec(g.t.Context(), g.c, o)
	<-done
	if after := p.modes(); after != before {
		g.t.Errorf("terminal left in other modes: %+v, was %+v", after, before)
	}
	if left, _ := filepath.Glob(filepath.Join(g.c.Bundle, "exec-*")); len(left) > 0 {
		g.t.Errorf("left: %q", left)
	}
	return exit, err
}

func TestExecTerminal(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		o := g.enter()
		signals, send := sends()
		o.Signals = signals
		o.Process.ConsoleWidth, o.Process.ConsoleHeight = 91, 33
		p := sitDown(t)
		if err := p.keys.Resize(console.WinSize{Width: 91, Height: 33}); err != nil {
			t.Fatal(err)
		}
		// crun's exec does not set the size: we do, and the command may be quicker.
		exit, err := g.execAt(p, o, `tty; until stty size 2>/dev/null; do sleep 0.01; done; trap 'stty size; echo resized' WINCH; echo $TERM rea''dy; while :; do read line && break; done; echo "got $line"; exit 7`, func() {
			p.waitFor("xterm ready")
			if p.modes().Lflag&unix.ICANON != 0 {
				t.Error("the terminal is not in raw mode")
			}
			_ = p.keys.Resize(console.WinSize{Width: 50, Height: 20})
			send(syscall.SIGWINCH)
			p.waitFor("resized")
			p.types("hello\r")
		})
		if err != nil || exit.Code != 7 || !exit.Started || exit.Detached {
			t.Errorf("%+v, %v", exit, err)
		}
		for _, want := range []string{"/dev/pts/", "33 91", "20 50", "got hello"} {
			if !strings.Contains(p.sees(), want) {
				t.Errorf("no %q in %q", want, p.sees())
			}
		}
		// One that is over at once has a code too, and all of its output is seen.
		for range 5 {
			p := sitDown(t)
			exit, err := g.execAt(p, o, "echo sh''ort; exit 3", func() {})
			if err != nil || exit.Code != 3 {
				t.Errorf("%+v, %v", exit, err)
			}
			p.waitFor("short")
		}
	})
}

func TestExecDetachKeys(t *testing.T) {
	const script = `echo rea''dy; trap 'echo hup >/tmp/hup; exit' HUP; read a; echo "a=$a"; echo $a >/tmp/a; while :; do sleep 0.05; echo more; done`
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		o := g.enter()
		o.DetachKeys = []byte{16, 17}
		made := func(name string) func() bool {
			return func() bool {
				_, err := os.Stat(filepath.Join(g.spec.Root.Path, "tmp", name))
				return err == nil
			}
		}
		// Somebody keeps the terminal: the process goes on.
		var held *os.File
		o.Hold = func(_ Process, terminal *os.File) (err error) {
			fd, err := unix.FcntlInt(terminal.Fd(), unix.F_DUPFD_CLOEXEC, 3)
			held = os.NewFile(uintptr(fd), "held")
			return err
		}
		p := sitDown(t)
		exit, err := g.execAt(p, o, script, func() {
			p.waitFor("ready")
			p.types("x\x10y\x10\x10\x11z")
		})
		if err != nil || !exit.Detached || !exit.Started || held == nil {
			t.Fatalf("%+v, %v", exit, err)
		}
		defer held.Close()
		if _, err := held.WriteString("!\r"); err != nil {
			t.Fatal(err)
		}
		eventually(t, time.Minute, "it goes on", made("a"))
		if data, _ := os.ReadFile(filepath.Join(g.spec.Root.Path, "tmp/a")); string(data) != "x\x10y\x10!\n" {
			t.Errorf("it was typed %q", data)
		}
		if !exit.Process.Alive() || made("hup")() {
			t.Error("it has ended")
		}
		// Nobody does: it hangs up.
		held.Close()
		eventually(t, time.Minute, "it hangs up", made("hup"))
	})
}

func TestExecDetachedTerminal(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		o := g.enter()
		var held *os.File
		o.Hold = func(_ Process, terminal *os.File) (err error) {
			fd, err := unix.FcntlInt(terminal.Fd(), unix.F_DUPFD_CLOEXEC, 3)
			held = os.NewFile(uintptr(fd), "held")
			return err
		}
		o.Detach, o.Process.Terminal = true, true
		o.Process.Args = []string{"sh", "-c", "tty >/tmp/tty; read x"}
		exit, err := g.runtime.Exec(t.Context(), g.c, o)
		if err != nil || !exit.Started || held == nil {
			t.Fatalf("%+v, %v", exit, err)
		}
		defer held.Close()
		eventually(t, time.Minute, "it has a terminal", func() bool {
			data, _ := os.ReadFile(filepath.Join(g.spec.Root.Path, "tmp/tty"))
			return strings.HasPrefix(string(data), "/dev/pts/")
		})
	})
}

// Going in and out leaves nothing of ours behind (CVE-2022-23471).
func TestExecTerminalLeaks(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		o := g.enter()
		o.DetachKeys = []byte{17}
		count := func() int {
			entries, err := os.ReadDir("/proc/self/fd")
			if err != nil {
				t.Fatal(err)
			}
			return len(entries)
		}
		round := func() {
			p := sitDown(t)
			exit, err := g.execAt(p, o, "echo rea''dy; read x", func() {
				p.waitFor("ready")
				p.types("\x11")
			})
			if err != nil || !exit.Detached {
				t.Fatalf("%+v, %v", exit, err)
			}
			p.tty.Close()
			p.keys.Close()
		}
		round()
		before := count()
		for range 10 {
			round()
		}
		eventually(t, time.Minute, "no descriptor is left", func() bool { return count() <= before })
	})
}
