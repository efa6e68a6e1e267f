// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tug-containers/tug/internal/events"
	"github.com/tug-containers/tug/internal/ondisk"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

// NewSession makes the ID of a session of Exec.
func NewSession() string {
	id := make([]byte, sessionSize)
	_, _ = rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

const sessionSize = 32

// Holder is how a process of Exec is cared for that is left alone.
type Holder struct {
	// Running is called when a detached process runs. Exec then stays with it to
	// its end; after an error it is killed.
	Running func() error
	// Start starts a program that calls HoldSession, for a process that was left
	// with the keys to detach.
	Start func(dir string, terminal *os.File) error
}

// session is a process of Exec, as it stands in its directory.
type session struct {
	libexec.Process
	Events string       // the file
	Died   events.Event // what is noted at its end, less the code
}

const sessionFile = "session.json"

// begun notes that the process runs.
func (s *session) begun(dir string, p libexec.Process) error {
	started := s.Died
	started.Action = "exec"
	_ = events.Append(s.Events, started)
	s.Process = p
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return ondisk.ReplaceShared(filepath.Join(dir, sessionFile), data, 0o644)
}

// died notes its end; code is nil when nobody saw it.
func (s *session) died(code *int) {
	s.Died.ExitCode = code
	_ = events.Append(s.Events, s.Died)
}

// hold stays with the process to its end, and with its terminal until nobody has
// it any more: a command on a terminal gets SIGHUP when nobody has the other end
// of it, and stands still when nobody reads there.
func (s *session) hold(dir string, terminal *os.File) error {
	drained := make(chan error, 1)
	go func() {
		if terminal == nil {
			drained <- nil
			return
		}
		_, err := io.Copy(io.Discard, terminal)
		if errors.Is(err, syscall.EIO) { // so says the kernel that it is over
			err = nil
		}
		drained <- err
	}()
	code, err := libexec.WaitProcess(context.Background(), s.Process)
	s.died(code)
	return errors.Join(err, os.RemoveAll(dir), <-drained)
}

// HoldSession stays with a process that was left alone, by the directory of its
// session, until it has ended.
func HoldSession(dir string, terminal *os.File) error {
	s, err := readSession(dir)
	if err != nil {
		return err
	}
	return s.hold(dir, terminal)
}

func readSession(dir string) (*session, error) {
	data, err := os.ReadFile(filepath.Join(dir, sessionFile))
	if err != nil {
		return nil, err
	}
	s := &session{}
	return s, json.Unmarshal(data, s)
}

// Sessions are the IDs of the processes of Exec that run in a container.
func Sessions(c *libstorage.ContainerInfo) []string {
	pattern := libexec.Container{Bundle: c.RunDir}.SessionDir(strings.Repeat("[0-9a-f]", 2*sessionSize))
	dirs, _ := filepath.Glob(pattern) // the pattern is a good one
	ids := []string{}
	for _, dir := range dirs {
		// One that is ending, or was killed and left its directory, is none.
		if s, err := readSession(dir); err == nil && s.Alive() {
			ids = append(ids, dir[len(dir)-2*sessionSize:])
		}
	}
	return ids
}
