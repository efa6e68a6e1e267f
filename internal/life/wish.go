// SPDX-License-Identifier: Apache-2.0

package life

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Wish is that of a command which is about to end the process of a container: that
// whoever keeps the container starts it again, although it was to go with its
// process. It is a file in the run directory, and by its lock lasts no longer than
// the command; the answer is written into it, and can be read when nothing else
// of the container is left.
//
// The command makes it with NewWish, reads Answer and closes it. The keeper gets it
// from TakeWish and gives an answer by Answered.
type Wish struct {
	f *os.File
}

type answer struct {
	Failure string `json:"failure,omitempty"`
}

const (
	wishFile    = "again.json"
	answerLimit = 64 << 10
)

// NewWish makes a wish for the container with this run directory. Those of several
// commands are one.
func NewWish(runDir string) (*Wish, error) {
	f, err := os.OpenFile(filepath.Join(runDir, wishFile), os.O_RDWR|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return nil, err
	}
	lk := unix.Flock_t{Type: unix.F_RDLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lk); err != nil {
		return nil, errors.Join(&os.PathError{Op: "lock", Path: f.Name(), Err: err}, f.Close())
	}
	return &Wish{f}, nil
}

// Answer tells whether the container was started again, and why it was not.
func (w *Wish) Answer() (answered bool, failure string) {
	data, err := io.ReadAll(io.NewSectionReader(w.f, 0, answerLimit))
	var a answer
	if err != nil || json.Unmarshal(data, &a) != nil {
		return false, "" // it is only just being written
	}
	return true, a.Failure
}

// Close takes the wish back, when nobody has taken it and nobody else has it.
func (w *Wish) Close() error {
	lk := unix.Flock_t{Type: unix.F_WRLCK}
	if unix.FcntlFlock(w.f.Fd(), unix.F_OFD_SETLK, &lk) != nil {
		return w.f.Close()
	}
	own, err := w.f.Stat()
	if err == nil {
		var now fs.FileInfo
		if now, err = os.Lstat(w.f.Name()); err == nil && os.SameFile(own, now) {
			err = os.Remove(w.f.Name())
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, w.f.Close())
}

// TakeWish gives the wish of a command that is still there, and nobody else gets it;
// nil when there is none.
func TakeWish(runDir string) *Wish {
	f, err := os.OpenFile(filepath.Join(runDir, wishFile), os.O_RDWR|noFollow, 0)
	if err != nil {
		return nil
	}
	lk := unix.Flock_t{Type: unix.F_WRLCK}
	err = unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lk)
	if rerr := os.Remove(f.Name()); err != nil || rerr != nil || lk.Type == unix.F_UNLCK {
		f.Close()
		return nil
	}
	return &Wish{f}
}

// Answered says that the container runs again, or why not; of a wish that is nil
// it does nothing.
func (w *Wish) Answered(failure string) {
	if w == nil {
		return
	}
	if data, err := json.Marshal(answer{failure}); err == nil {
		_, _ = w.f.WriteAt(data, 0) // who hears nothing looks at the container
	}
	w.f.Close()
}
