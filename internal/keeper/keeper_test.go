// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/tug-containers/tug/libexec/monitor"
)

func TestPolicy(t *testing.T) {
	zero, one := 0, 1
	for _, c := range []struct {
		restart  monitor.Restart
		restarts int
		code     *int
		want     bool
	}{
		{monitor.Restart{}, 0, &one, false},
		{monitor.Restart{Policy: monitor.RestartNo}, 0, &one, false},
		{monitor.Restart{Policy: monitor.RestartAlways}, 9, &zero, true},
		{monitor.Restart{Policy: monitor.RestartUnlessStopped}, 9, &zero, true},
		{monitor.Restart{Policy: monitor.RestartOnFailure}, 99, &one, true},
		{monitor.Restart{Policy: monitor.RestartOnFailure}, 0, &zero, false},
		{monitor.Restart{Policy: monitor.RestartOnFailure}, 0, nil, true},
		{monitor.Restart{Policy: monitor.RestartOnFailure, Max: 2}, 1, &one, true},
		{monitor.Restart{Policy: monitor.RestartOnFailure, Max: 2}, 2, &one, false},
	} {
		k := &keeper{c: monitor.Config{Restart: c.restart}, spent: c.restarts}
		if got := k.policy(c.code); got != c.want {
			t.Errorf("%+v after %d: %v", c.restart, c.restarts, got)
		}
	}
	k := &keeper{again: true}
	if !k.policy(&one) || k.policy(&one) {
		t.Error("a restart that the health check wants happens once")
	}
}

// TestReaper: each child's status reaches who waits for it, and nobody else's is
// kept.
func TestReaper(t *testing.T) {
	r := newReaper()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	files := []*os.File{null, null, null}
	for range 50 {
		_, ended, err := r.start([]string{"/bin/sh", "-c", "exit 7"}, nil, files)
		if err != nil {
			t.Fatal(err)
		}
		if status := <-ended; status.ExitStatus() != 7 {
			t.Fatalf("status %v", status)
		}
	}
	if _, _, err := r.start([]string{"/none"}, nil, files); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("a missing program: %v", err)
	}
	pid, ended, err := r.start([]string{"/bin/sleep", "4711"}, nil, files)
	if err != nil {
		t.Fatal(err)
	}
	if status, err := await(pid, ended, 10*time.Millisecond); !errors.Is(err, errTimeout) || status.Signal() != syscall.SIGKILL {
		t.Errorf("%v, %v", status, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ended) != 0 || len(r.waiting) != 0 {
		t.Errorf("left: %v, %v", r.ended, r.waiting)
	}
}
