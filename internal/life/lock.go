// SPDX-License-Identifier: Apache-2.0

package life

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const noFollow = unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC

// ErrMonitored says that a container has a monitor already.
var ErrMonitored = errors.New("a monitor is there already")

// Hold takes the monitor's lock in dir: an OFD lock, which lives as long as the
// file is open, here or in a child that has inherited it. ErrMonitored when
// another has it.
func Hold(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return nil, err
	}
	lk := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lk); err != nil {
		if err == unix.EAGAIN || err == unix.EACCES {
			err = ErrMonitored
		} else {
			err = &os.PathError{Op: "lock", Path: f.Name(), Err: err}
		}
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Monitored tells whether the container in dir has a monitor. It takes no lock.
func Monitored(dir string) bool {
	fd, err := unix.Open(filepath.Join(dir, lockFile), unix.O_RDWR|noFollow, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	lk := unix.Flock_t{Type: unix.F_WRLCK}
	return unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &lk) == nil && lk.Type != unix.F_UNLCK
}

// Await returns when the container in dir has no monitor any more: it has ended
// and is cleaned up, or its monitor was killed. The error is that of ctx.
func Await(ctx context.Context, dir string) error {
	for pause := time.Millisecond; Monitored(dir); pause = min(2*pause, 20*time.Millisecond) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
	return nil
}
