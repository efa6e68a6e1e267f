// SPDX-License-Identifier: Apache-2.0

package tenant

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain lets the test start itself as one that does what a process on its way
// into a namespace does: it waits at the door, executes itself, and lives inside
// until its stdin ends.
func TestMain(m *testing.M) {
	step := os.Getenv("TENANT_TEST")
	if step == "" {
		os.Exit(m.Run())
	}
	if err := play(step, os.Getenv("TENANT_FILE")); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func play(step, path string) error {
	if fd, err := strconv.Atoi(step); err == nil {
		t := Inherited(fd)
		if err := errors.Join(t.Live(), t.Leave()); err != nil {
			return err
		}
		fmt.Println("inside")
		_, err = io.Copy(io.Discard, os.Stdin)
		return err
	}
	t, err := Open(path)
	if err == nil {
		err = t.Arrive(context.Background(), step == "alone")
	}
	if err != nil {
		return err
	}
	fmt.Println("door")
	if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
		return err
	}
	fd, err := t.Descriptor()
	if err != nil {
		return err
	}
	if err := os.Setenv("TENANT_TEST", strconv.Itoa(fd)); err != nil {
		return err
	}
	return unix.Exec("/proc/self/exe", os.Args, os.Environ())
}

type player struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func start(t *testing.T, path, step string) *player {
	t.Helper()
	p := &player{Cmd: exec.Command("/proc/self/exe")}
	p.Env = append(os.Environ(), "TENANT_TEST="+step, "TENANT_FILE="+path)
	var err error
	if p.in, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
	return p
}

func (p *player) says(t *testing.T, want string) {
	t.Helper()
	if line, err := p.out.ReadString('\n'); line != want+"\n" {
		t.Fatalf("%q, %v; want %q", line, err, want)
	}
}

func (p *player) enter(t *testing.T) {
	t.Helper()
	if _, err := p.in.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	p.says(t, "inside")
}

func TestTenants(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tug", Name)
	file, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if pid := file.Tenant(); pid != 0 {
		t.Errorf("process %d lives there before anybody came", pid)
	}
	short := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}

	first := start(t, path, "alone")
	first.says(t, "door")
	if err := file.Arrive(short(), false); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second one at the door: %v", err)
	}
	first.enter(t)
	if pid := file.Tenant(); pid != first.Process.Pid {
		t.Errorf("process %d lives there, not %d", pid, first.Process.Pid)
	}
	if err := file.Arrive(t.Context(), false); err != nil {
		t.Errorf("the door is still held: %v", err)
	}

	second := start(t, path, "shared")
	second.says(t, "door")
	if err := file.Arrive(short(), true); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("alone at the door with another: %v", err)
	}
	second.enter(t)
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait() // it was killed
	if pid := file.Tenant(); pid != second.Process.Pid {
		t.Errorf("process %d lives there, not %d", pid, second.Process.Pid)
	}
	if err := errors.Join(second.in.Close(), second.Wait()); err != nil {
		t.Error(err)
	}
	if pid := file.Tenant(); pid != 0 {
		t.Errorf("process %d lives there when all are gone", pid)
	}
}

func TestNoLink(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, Name)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(dir, Name)); !errors.Is(err, unix.ELOOP) {
		t.Errorf("a link: %v", err)
	}
}

func TestList(t *testing.T) {
	file, err := Open(filepath.Join(t.TempDir(), Name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	even := func(p Process) bool { return p.Pid%2 == 0 }
	const first, n = 1_000_001, 2000
	for i := range n {
		if err := file.Add(Process{first + i, uint64(i) + 7}, even); err != nil {
			t.Fatal(err)
		}
	}
	listed, err := file.Listed()
	if err != nil || len(listed) == 0 || len(listed) >= n || listed[len(listed)-1] != (Process{first + n - 1, n + 6}) {
		t.Errorf("%d are listed, %v", len(listed), err)
	}
	seen := map[int]bool{}
	for _, p := range listed {
		seen[p.Pid] = true
	}
	for pid := first + 1; pid < first+n; pid += 2 {
		if !seen[pid] {
			t.Fatalf("process %d, which lives, is not listed", pid)
		}
	}
	if err := file.Forget(); err != nil {
		t.Fatal(err)
	}
	if listed, err = file.Listed(); err != nil || len(listed) != 0 {
		t.Errorf("%d are listed after all were forgotten, %v", len(listed), err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("1 2\n3 4"))
	f.Add([]byte("-1 2\nx\n99999999999999999999 1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, p := range parse(text) {
			if p.Pid <= 0 {
				t.Errorf("%q: pid %d", text, p.Pid)
			}
		}
	})
}
