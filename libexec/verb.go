// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// command prepares the runtime with an explicit environment, in a process group
// of its own: what our terminal sends to the foreground reaches the container
// once, through us, and not a second time through the runtime.
func (r *Runtime) command(args ...string) *exec.Cmd {
	all := append([]string{"--root", r.root}, r.args...)
	cmd := exec.Command(r.Path, append(all, args...)...)
	cmd.Env = r.env
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// start forks cmd with no descriptor but those that it names.
func start(cmd *exec.Cmd) error {
	if err := sealDescriptors(); err != nil {
		return err
	}
	return cmd.Start()
}

// A nil *os.File must not become an interface that is not nil: exec.Cmd takes a
// nil interface as /dev/null.
func fileReader(f *os.File) io.Reader {
	if f == nil {
		return nil
	}
	return f
}

func fileWriter(f *os.File) io.Writer {
	if f == nil {
		return nil
	}
	return f
}

// runVerb runs one of the runtime's short verbs under the eyes of w. Its output
// goes to a file in memory: a pipe would be held open by whatever it leaves
// behind.
func (w *watch) runVerb(verb string, watch func(ended <-chan struct{}), args ...string) error {
	output, err := memoryFile()
	if err != nil {
		return fmt.Errorf("container %s: %w", w.c.ID, err)
	}
	defer output.Close()
	cmd := w.r.command(args...)
	cmd.Stdout, cmd.Stderr = output, output
	if verb == "create" || verb == "exec" {
		cmd.ExtraFiles = w.o.Stdio.Extra
	}
	if err := start(cmd); err != nil {
		return w.r.startError(verb, w.c, err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // what it says is in ProcessState
		close(ended)
	}()
	w.runtime = cmd.Process
	watch(ended)
	w.runtime = nil
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.ExitStatus() == 0 {
		return nil
	}
	failure := &RuntimeError{Path: w.r.Path, Verb: verb, Message: lastError(w.c.logFile())}
	if status.Signaled() {
		failure.Signal = status.Signal()
	} else {
		failure.Code = status.ExitStatus()
	}
	if failure.Message == "" {
		failure.Message = oneLine(string(tail(output)))
	}
	return failure.classify(w.c.ID)
}

func memoryFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("tug-runtime", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	return os.NewFile(uintptr(fd), "runtime output"), nil
}

// tail reads the last 8 KiB of a file.
func tail(f *os.File) []byte {
	const limit = 8192
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	buf := make([]byte, min(info.Size(), limit))
	n, err := f.ReadAt(buf, info.Size()-int64(len(buf)))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	return buf[:n]
}

// lastError gives the last message of level error or worse in a runtime's log.
func lastError(name string) string {
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	var last string
	for line := range bytes.Lines(tail(f)) {
		var entry struct {
			Level string `json:"level"`
			Msg   string `json:"msg"`
		}
		if json.Unmarshal(line, &entry) != nil {
			continue
		}
		switch entry.Level {
		case "error", "fatal", "panic":
			last = entry.Msg
		}
	}
	return oneLine(last)
}
