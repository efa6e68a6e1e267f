// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"bufio"
	"context"
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
		h, err := exit.Process.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		if err := g.runtime.Delete(t.Context(), g.c); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := h.Wait(ctx); err != nil {
			t.Errorf("the process is there after a minute: %v", err)
		}
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
