// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"bufio"
	"errors"
	"syscall"
	"testing"
	"time"
)

// TestStart: the command runs with our descriptors, nobody of the runtime is left
// beside it, and Delete ends it.
func TestStart(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		g.prepare("echo up; exec cat")
		inR, inW := pipe(t)
		outR, outW := pipe(t)
		g.opts.Stdio = Stdio{In: inR, Out: outW, Err: outW}
		exit, err := g.runtime.Start(t.Context(), g.c, g.opts)
		if err != nil || !exit.Started || exit.Process.Pid == 0 {
			t.Fatalf("%+v, %v", exit, err)
		}
		if _, err := inW.WriteString("through it\n"); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(outR)
		for _, want := range []string{"up", "through it"} {
			if !lines.Scan() || lines.Text() != want {
				t.Fatalf("%q, want %q", lines.Text(), want)
			}
		}
		if stub, ok := g.runtime.inRuntime(exit.Process.Pid); stub || !ok {
			t.Error("the process is the runtime's, or gone")
		}
		if err := g.runtime.Delete(t.Context(), g.c); err != nil {
			t.Error(err)
		}
		eventually(t, time.Minute, "the process is gone", func() bool {
			_, err := FindProcess(exit.Process.Pid)
			return err != nil
		})
		g.nothingLeft()
	})
}

func TestStartRefused(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		g.command("/none")
		if exit, err := g.runtime.Start(t.Context(), g.c, g.opts); !errors.Is(err, ErrCommandNotFound) || exit.Started {
			t.Errorf("%+v, %v", exit, err)
		}
		g.nothingLeft()
		signals, send := sends()
		g.prepare("exit 0")
		g.opts.Signals = signals
		send(syscall.SIGTERM)
		if exit, err := g.runtime.Start(t.Context(), g.c, g.opts); err != nil || exit.Started || exit.Interrupted != syscall.SIGTERM {
			t.Errorf("%+v, %v", exit, err)
		}
		g.nothingLeft()
		g.opts = RunOptions{Terminal: true}
		if _, err := g.runtime.Start(t.Context(), g.c, g.opts); err == nil {
			t.Error("a terminal: no error")
		}
	})
}
