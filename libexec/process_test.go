// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestProcess(t *testing.T) {
	self, err := FindProcess(os.Getpid())
	if err != nil || self.StartTime == 0 || !self.Alive() {
		t.Errorf("self: %+v, %v", self, err)
	}
	self.StartTime++
	if self.Alive() {
		t.Error("another start time is another process")
	}
	// A name that looks like the rest of the line.
	name := filepath.Join(t.TempDir(), "a) S 1 2 3")
	copyFile(t, "/bin/sleep", name)
	cmd := exec.Command(name, "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p, err := FindProcess(cmd.Process.Pid)
	if err != nil || p.StartTime < self.StartTime-1 {
		t.Errorf("odd name: %+v, %v", p, err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if p.Alive() {
		t.Error("alive after its end")
	}
	if _, err := FindProcess(p.Pid); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("gone: %v", err)
	}
}

func TestInheritedFiles(t *testing.T) {
	f, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// Go's own are close-on-exec: they were not meant for a container.
	if _, err := InheritedFiles(int(f.Fd()) - 2); !errors.Is(err, ErrNoDescriptor) {
		t.Errorf("own descriptor: %v", err)
	}
	if _, err := InheritedFiles(100000); !errors.Is(err, ErrNoDescriptor) {
		t.Errorf("not open: %v", err)
	}
	if files, err := InheritedFiles(0); err != nil || len(files) != 0 {
		t.Errorf("none: %v, %v", files, err)
	}
}

// What is handed over to the container is for no other program, such as the one
// that pulls the image.
func TestInheritedFilesStayOurs(t *testing.T) {
	const child = "TUG_TEST_INHERITED"
	if os.Getenv(child) == "" {
		null, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer null.Close()
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env, cmd.ExtraFiles = append(os.Environ(), child+"=1"), []*os.File{null}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	files, err := InheritedFiles(1)
	if err != nil {
		t.Fatal(err)
	}
	defer files[0].Close()
	if flags, err := unix.FcntlInt(files[0].Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("flags %#x, %v", flags, err)
	}
}

func TestCatchSignals(t *testing.T) {
	s := CatchSignals()
	defer s.Stop()
	if sig := s.Pending(); sig != 0 {
		t.Errorf("nothing came, but %v", sig)
	}
	s.catchRest()
	for _, sig := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGTERM} {
		if err := syscall.Kill(os.Getpid(), sig); err != nil {
			t.Fatal(err)
		}
	}
	var got syscall.Signal
	eventually(t, 5e9, "SIGTERM", func() bool { got = s.Pending(); return got != 0 })
	if got != syscall.SIGTERM {
		t.Errorf("got %v", got)
	}
	var none *Signals
	if none.Pending() != 0 || none.channel() != nil {
		t.Error("no signals are no signals")
	}
}
