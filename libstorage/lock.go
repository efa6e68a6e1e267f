// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tug-containers/tug/libstorage/rootfs"
	"golang.org/x/sys/unix"
)

// A heldLock is an OFD lock on a file: it belongs to the open file, is shared
// by nobody else in this process, and dies with its holder.
type heldLock struct {
	fd   int
	path string
}

var (
	errLocked = errors.New("locked by another process")
	errGone   = errors.New("the lock file was removed")
	// errLeaving is an errLocked: whoever holds the lock removes what it is of.
	errLeaving = fmt.Errorf("being removed: %w", errLocked)
)

// Who has a container locks its whole file. Who removes it locks the first
// byte only, so that others can tell: they may wait for the end of that.
const (
	lockWhole  = 0
	lockToGone = 1
)

// newLock creates the lock file and holds its lock. errGone and errLocked say
// that somebody took the directory for garbage; an existing file is
// fs.ErrExist.
func newLock(path string) (*heldLock, error) {
	return openLock(path, unix.O_CREAT|unix.O_EXCL, lockWhole)
}

// tryLock holds the lock of a file that is there.
func tryLock(path string) (*heldLock, error) { return openLock(path, 0, lockWhole) }

// tryLeavingLock does, for who is about to remove what the lock is of.
func tryLeavingLock(path string) (*heldLock, error) { return openLock(path, 0, lockToGone) }

func openLock(path string, flags int, bytes int64) (*heldLock, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK|flags, 0o600)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	lk := unix.Flock_t{Type: unix.F_WRLCK, Len: bytes}
	if err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &lk); err != nil {
		defer unix.Close(fd)
		if err == unix.EAGAIN || err == unix.EACCES {
			return nil, whoseLock(fd)
		}
		return nil, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Nlink == 0 {
		unix.Close(fd)
		return nil, errors.Join(errGone, err)
	}
	return &heldLock{fd: fd, path: path}, nil
}

// whoseLock tells the two kinds of holders apart. One that is not there any
// more was as good as leaving.
func whoseLock(fd int) error {
	lk := unix.Flock_t{Type: unix.F_WRLCK}
	err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &lk)
	if err == nil && (lk.Type == unix.F_UNLCK || lk.Len == lockToGone) {
		return errLeaving
	}
	return errLocked
}

// leave makes a whole lock one of who removes what it is of.
func (l *heldLock) leave() error {
	rest := unix.Flock_t{Type: unix.F_UNLCK, Start: lockToGone}
	if err := unix.FcntlFlock(uintptr(l.fd), unix.F_OFD_SETLK, &rest); err != nil {
		return &os.PathError{Op: "unlock", Path: l.path, Err: err}
	}
	return nil
}

// links is how many names the file has.
func (l *heldLock) links() (int, error) {
	var st unix.Stat_t
	if err := unix.Fstat(l.fd, &st); err != nil {
		return 0, &os.PathError{Op: "stat", Path: l.path, Err: err}
	}
	return int(st.Nlink), nil
}

// The lock file of a container says whose it is, and where in which run root
// the rest is. A container's name is another link to that file, as it is of a
// lease's file that containers hold on to it: a link costs the disk a fifth of
// a file.

// sign writes that into the file.
func (l *heldLock) sign(id, runDir string) error {
	text := id + "\n" + runDir + "\n"
	_, err := unix.Pwrite(l.fd, []byte(text), 0)
	if err == nil {
		err = unix.Ftruncate(l.fd, int64(len(text))) // it may have said another
	}
	if err != nil {
		return &os.PathError{Op: "write", Path: l.path, Err: err}
	}
	return nil
}

// readSign reads it; what is not there, or cannot be true, is "".
func readSign(path string) (id, runDir string, err error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", "", &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var buf [64 + 1 + unix.PathMax]byte
	n, err := unix.Read(fd, buf[:])
	if err != nil {
		return "", "", &os.PathError{Op: "read", Path: path, Err: err}
	}
	id, runDir, _ = strings.Cut(string(buf[:n]), "\n")
	runDir, whole := strings.CutSuffix(runDir, "\n")
	if !checkID(id) {
		return "", "", nil
	}
	if !whole || !isRunDir(runDir, id) {
		runDir = ""
	}
	return id, runDir, nil
}

// isRunDir tells whether path can be the run directory of container id.
func isRunDir(path, id string) bool { return filepath.IsAbs(path) && filepath.Base(path) == id }

func (l *heldLock) unlock() error {
	if l == nil || l.fd < 0 {
		return nil
	}
	err := unix.Close(l.fd)
	l.fd = -1
	return err
}

// waitLock retries try until it does not say errLocked or ctx is done.
func waitLock(ctx context.Context, path string, try func(path string) (*heldLock, error)) (l *heldLock, err error) {
	err = waitFor(ctx, path, func() (err error) {
		l, err = try(path)
		return err
	})
	return l, err
}

// waitFor is waitLock for other locks.
func waitFor(ctx context.Context, path string, try func() error) error {
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 20*time.Millisecond) {
		err := try()
		if !errors.Is(err, errLocked) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w%s: %w", path, errLocked, holders(path), context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// holders says who has a file open, for an error message.
func holders(path string) string {
	users := rootfs.UsersOf(path)
	if len(users) == 0 {
		return ""
	}
	text := ", "
	for i, u := range users {
		if i > 0 {
			text += " or "
		}
		text += u
	}
	return text
}
