// SPDX-License-Identifier: Apache-2.0

package tenant

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"
)

// A Process is known by its pid and the time of its start, in the kernel's ticks.
type Process struct {
	Pid       int
	StartTime uint64
}

// listLimit is when those that have ended are taken from the list.
const listLimit = 16 << 10

// Add puts a process on the list. Alive tells of those on it whether they are
// there.
func (t File) Add(p Process, alive func(Process) bool) error {
	for {
		lock := unix.Flock_t{Type: unix.F_WRLCK, Start: list, Len: 1}
		err := unix.FcntlFlock(uintptr(t.fd), unix.F_SETLKW, &lock)
		if err == nil {
			break
		} else if err != unix.EINTR {
			return err
		}
	}
	text, err := t.read()
	if err == nil && len(text) > listLimit {
		var kept []byte
		for _, p := range parse(text) {
			if alive(p) {
				kept = fmt.Appendln(kept, p.Pid, p.StartTime)
			}
		}
		text = kept
		err = unix.Ftruncate(t.fd, 0)
	}
	if err == nil {
		_, err = unix.Pwrite(t.fd, fmt.Appendln(text, p.Pid, p.StartTime), 0)
	}
	if uerr := t.set(list, unix.F_UNLCK); err == nil {
		err = uerr
	}
	return err
}

// Listed gives the list, the latest last.
func (t File) Listed() ([]Process, error) {
	text, err := t.read()
	return parse(text), err
}

// Forget empties the list. It is for who is alone at the door, when nobody lives
// in the namespace.
func (t File) Forget() error { return unix.Ftruncate(t.fd, 0) }

func (t File) read() ([]byte, error) {
	var text []byte
	buf := make([]byte, listLimit)
	for len(text) < 64*listLimit {
		n, err := unix.Pread(t.fd, buf, int64(len(text)))
		if err != nil || n <= 0 {
			return text, err
		}
		text = append(text, buf[:n]...)
	}
	return text, nil
}

func parse(text []byte) []Process {
	var all []Process
	for line := range bytes.Lines(text) {
		var p Process
		if _, err := fmt.Sscan(string(line), &p.Pid, &p.StartTime); err == nil && p.Pid > 0 {
			all = append(all, p)
		}
	}
	return all
}
