// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// orphan starts `sh -c script` as a process that is not our child: its parent is
// a shell that waits for it, and then for us to close its stdin. It gives the
// process, what makes the script end, and what kills the parent.
func orphan(t *testing.T, script string) (p Process, release, killParent func()) {
	t.Helper()
	goR, goW := pipe(t)
	parent := exec.Command("/bin/sh", "-c", `sh -c "read x <&3; $1" <&3 & echo $!; wait $!; echo reaped; read y`, "sh", script)
	parent.ExtraFiles = []*os.File{goR}
	in, err := parent.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	goR.Close()
	t.Cleanup(func() { in.Close(); goW.Close(); _ = parent.Process.Kill(); _ = parent.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(line, &pid); err != nil {
		t.Fatal(err)
	}
	if p, err = FindProcess(pid); err != nil {
		t.Fatal(err)
	}
	return p, func() { goW.Close() }, func() { _ = parent.Process.Kill(); _ = parent.Wait() }
}

// exitTold reports whether this kernel tells strangers how a process ended.
func exitTold(t *testing.T) bool {
	t.Helper()
	cmd := exec.Command("true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p, err := FindProcess(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	h, err := p.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	_ = cmd.Wait()
	_, ok := h.exitInfo()
	return ok
}

func TestWaitProcess(t *testing.T) {
	if !exitTold(t) {
		t.Skip("needs Linux 6.15 or newer")
	}
	for script, want := range map[string]int{
		"exit 0": 0, "exit 7": 7, "exit 255": 255, "kill -9 $$": 137, "kill -TERM $$": 143,
	} {
		p, release, _ := orphan(t, script)
		time.AfterFunc(10*time.Millisecond, release)
		code, err := WaitProcess(t.Context(), p)
		if err != nil || code == nil || *code != want {
			t.Errorf("%s: %v, %v, want %d", script, show(code), err, want)
		}
		code, err = WaitProcess(t.Context(), p)
		if err != nil || code != nil && *code != want {
			t.Errorf("%s: again: %v, %v", script, show(code), err)
		}
	}
}

// The one who would have told is killed first: init gets the process.
func TestWaitProcessWithoutParent(t *testing.T) {
	if !exitTold(t) {
		t.Skip("needs Linux 6.15 or newer")
	}
	p, release, killParent := orphan(t, "exit 9")
	h, err := p.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	killParent()
	if !p.Alive() || h.ExitCode() != nil {
		t.Fatalf("it lives: code %s", show(h.ExitCode()))
	}
	release()
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "its exit code is 9", func() bool {
		code := h.ExitCode()
		return code != nil && *code == 9
	})
	if err := h.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) && err != nil {
		t.Error(err)
	}
}

// A dead child that nobody has waited for tells by /proc.
func TestExitCodeOfZombie(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	cmd := exec.Command("sh", "-c", "exit 42")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p, err := FindProcess(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	h, err := p.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	in.Close()
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, ok := h.zombieStatus(); !ok || status.ExitStatus() != 42 {
		t.Errorf("status %v, %v", status, ok)
	}
	if code := h.ExitCode(); code == nil || *code != 42 {
		t.Errorf("code %s", show(code))
	}
	_ = cmd.Wait()
	if _, ok := h.zombieStatus(); ok {
		t.Error("there is a status when nobody is there")
	}
}

func TestHandle(t *testing.T) {
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	p, err := FindProcess(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []Process{{}, {Pid: p.Pid}, {Pid: p.Pid, StartTime: p.StartTime - 1}, {Pid: 1 << 29, StartTime: 1}} {
		if h, err := wrong.Open(); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%+v: %v, %v", wrong, h, err)
		}
		if code, err := WaitProcess(t.Context(), wrong); code != nil || err != nil {
			t.Errorf("wait for %+v: %s, %v", wrong, show(code), err)
		}
	}
	h, err := p.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := h.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wait with a time-out: %v", err)
	}
	if err := h.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := h.Wait(t.Context()); err != nil {
		t.Errorf("wait after a time-out: %v", err)
	}
}

func show(code *int) string {
	if code == nil {
		return "unknown"
	}
	return fmt.Sprint(*code)
}
