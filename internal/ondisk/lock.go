// SPDX-License-Identifier: Apache-2.0

package ondisk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrLocked says that somebody holds a lock and does not let go.
var ErrLocked = errors.New("locked by another process")

// Hold takes the OFD lock of a file, which is made when it is missing, or gives
// ErrLocked. The lock lives as long as the file is open, here or in a child that has
// inherited it. A file that was removed meanwhile is fs.ErrNotExist.
func Hold(path string, mode fs.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|noFollow, mode)
	if err != nil {
		return nil, err
	}
	lk := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lk); err != nil {
		if err == unix.EAGAIN || err == unix.EACCES {
			err = ErrLocked
		}
		return nil, errors.Join(&os.PathError{Op: "lock", Path: path, Err: err}, f.Close())
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Nlink == 0 {
		return nil, errors.Join(&os.PathError{Op: "lock", Path: path, Err: unix.ENOENT}, err, f.Close())
	}
	return f, nil
}

// Held tells whether somebody holds the lock of a file. It takes none.
func Held(path string) bool {
	fd, err := unix.Open(path, unix.O_RDWR|noFollow, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	lk := unix.Flock_t{Type: unix.F_WRLCK}
	return unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &lk) == nil && lk.Type != unix.F_UNLCK
}

// Lock waits for the lock until ctx is done: that is ErrLocked, and the cause.
func Lock(ctx context.Context, path string, mode fs.FileMode) (*os.File, error) {
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 10*time.Millisecond) {
		f, err := Hold(path, mode)
		if !errors.Is(err, ErrLocked) {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", err, context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}
