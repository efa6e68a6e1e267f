// SPDX-License-Identifier: Apache-2.0

package tug

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A session is an interactive shell on a pseudo-terminal.
type session struct {
	t      *testing.T
	master *os.File
	mu     sync.Mutex
	seen   bytes.Buffer
}

func interactive(t *testing.T, dir, shell string, args ...string) *session {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("needs a pseudo-terminal: ", err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	size := unix.Winsize{Row: 24, Col: 120}
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &size); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(shell, args...)
	cmd.Dir = workDir(t)
	cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "TERM=dumb", "LC_ALL=C", "PS1=ready> ", "HOME=" + cmd.Dir}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, master: master}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			s.mu.Lock()
			s.seen.Write(buffer[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		master.Close()
		<-done
	})
	return s
}

func (s *session) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.String()
}

// send types text and waits until want has been shown after that.
func (s *session) send(text, want string) {
	s.t.Helper()
	before := len(s.text())
	if _, err := s.master.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		if strings.Contains(s.text()[before:], want) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	s.t.Fatalf("typed %q, waited for %q; the terminal showed %q", text, want, s.text())
}

const clearLine = "\x15" // ^U

// TestTyped presses the tab key in real shells.
func TestTyped(t *testing.T) {
	dir := bin(t)
	for _, shell := range []struct {
		name string
		args []string
		set  string
	}{
		{"bash", []string{"--norc", "--noprofile", "-i"}, "source <(tug completion bash)"},
		{"zsh", []string{"-f", "-i"}, "PS1='ready> '; autoload -U compinit; compinit -D; source <(tug completion zsh)"},
	} {
		t.Run(shell.name, func(t *testing.T) {
			needShell(t, shell.name)
			s := interactive(t, dir, shell.name, shell.args...)
			s.send(shell.set+"; echo set''-up\n", "set-up\r\n")
			s.send("tug pul\t", "tug pull ")
			s.send("--pol\t", "--policy")
			s.send(clearLine+"tug pull --policy=nev\t", "--policy=never")
			s.send(clearLine+"tug --root=/x pull loc\t", "localhost/one:latest")
			s.send("\n", "ran with --root=/x localhost/one:latest")
			s.send("tug-pull docker.io/library/busybox:1.37 localhost/one:la\t\n", "ran with docker.io/library/busybox:1.37 localhost/one:latest")
			s.send("tug pull herefi\t\n", "ran with herefile")
			s.send("tug --root hered\t pull X\n", "ran with --root=heredir")
		})
	}
}
