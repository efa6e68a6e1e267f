// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The runtime itself is killed, at many moments: that is an error of ours, and
// all that it had made until then goes.
func TestRuntimeKilled(t *testing.T) {
	onEachRuntime(t, func(t *testing.T, g *runRig) {
		g.prepare("sleep 60")
		rounds := 30
		if testing.Short() {
			rounds = 8
		}
		for i := range rounds {
			after := time.Duration(i) * 500 * time.Microsecond
			stop := make(chan struct{})
			killed := make(chan struct{})
			go func() {
				defer close(killed)
				pid := 0
				for pid == 0 {
					select {
					case <-stop:
						return
					default:
						pid = childRunning(g.runtime.Path, g.c.ID)
					}
				}
				time.Sleep(after)
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}()
			exit, err := g.runtime.Run(t.Context(), g.c, g.opts)
			close(stop)
			<-killed
			var failure *RuntimeError
			if !errors.As(err, &failure) || failure.Signal != syscall.SIGKILL {
				t.Errorf("after %v: %+v, %v", after, exit, err)
			}
			g.nothingLeft()
			if t.Failed() {
				return
			}
		}
	})
}

// childRunning finds a child of ours that executes path to run a container: its
// other verbs, and those for other containers, are not meant.
func childRunning(path, id string) int {
	for _, pid := range children(os.Getpid()) {
		line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		if err == nil && strings.HasPrefix(string(line), path+"\x00") &&
			strings.Contains(string(line), "\x00run\x00") && strings.HasSuffix(string(line), "\x00"+id+"\x00") {
			return pid
		}
	}
	return 0
}

// A defect of ours does not leave a shell in raw mode.
func TestTerminalPanic(t *testing.T) {
	p := sitDown(t)
	other := sitDown(t)
	before := p.modes()
	s, err := openSession(Stdio{In: p.tty, Out: p.tty}, other.tty)
	if err != nil {
		t.Fatal(err)
	}
	s.stdio.In = nil // nothing is to be copied
	if err := s.begin(); err != nil {
		t.Fatal(err)
	}
	s.stdio.In = p.tty
	if err := s.makeRaw(); err != nil {
		t.Fatal(err)
	}
	if p.modes() == before {
		t.Fatal("not in raw mode")
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		defer s.restoreOnPanic()
		panic("defect")
	}()
	if p.modes() != before {
		t.Error("still in raw mode")
	}
}

// Cgroups of a runtime that died half-way.
func TestCgroupsRemoved(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("condition root: not root")
	}
	mounts, err := cgroupMounts()
	if err != nil || len(mounts) == 0 {
		t.Skip("condition cgroups: none mounted")
	}
	g := newFake(t, `run) mkdir "$root/$id"; kill -KILL $$;;`+fakeDelete)
	dir := filepath.Join(mounts[len(mounts)-1], "tug-"+g.c.ID)
	if err := os.MkdirAll(filepath.Join(dir, "inner"), 0o755); err != nil {
		t.Skipf("condition cgroups: %v", err)
	}
	t.Cleanup(func() { _ = removeCgroup(dir) })
	config := `{"linux":{"cgroupsPath":"/tug-` + g.c.ID + `"}}`
	if err := os.WriteFile(filepath.Join(g.c.Bundle, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, _, err = g.run()
	if !errors.Is(err, ErrRuntimeFailed) {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is left", dir)
	}
}
