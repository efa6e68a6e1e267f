// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stage is a directory for what is on its way. It is locked as long as its
// process lives: the next stage beside it removes it when the lock is free,
// so a crash leaves nothing for good.
type stage struct {
	dir  string
	lock *os.File
}

const (
	stagePrefix = "tug-stage-"
	// How old a directory in a shared place must be before its free lock means
	// that its owner is gone, and not that it is just being made.
	stageAge = time.Minute
)

// newStage makes one in a directory of ours, and removes those of dead
// processes there.
func newStage(parent string) (*stage, error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("make a temporary directory: %w", err)
	}
	// The parent's lock makes "create and lock" one step for others.
	gate, err := os.Open(parent)
	if err != nil {
		return nil, err
	}
	defer gate.Close()
	if err := flock(gate, unix.LOCK_EX); err != nil {
		return nil, err
	}
	sweepStages(parent, 0)
	return makeStage(parent)
}

// sharedStage makes one in a directory that is not ours alone.
func sharedStage(parent string) (*stage, error) {
	sweepStages(parent, stageAge)
	return makeStage(parent)
}

func makeStage(parent string) (*stage, error) {
	dir, err := os.MkdirTemp(parent, stagePrefix)
	if err != nil {
		return nil, fmt.Errorf("make a temporary directory: %w", err)
	}
	lock, err := os.Open(dir)
	if err == nil {
		err = flock(lock, unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &stage{dir: dir, lock: lock}, nil
}

// sweepStages removes what nobody holds. Errors are no concern of the caller:
// what stays is found again by the next one.
func sweepStages(parent string, age time.Duration) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if !entry.IsDir() || !strings.HasPrefix(entry.Name(), stagePrefix) {
			continue
		}
		path := filepath.Join(parent, entry.Name())
		dir, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
		if err != nil {
			continue
		}
		if info, err := dir.Stat(); err == nil && ours(info) && time.Since(info.ModTime()) >= age &&
			flock(dir, unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = os.RemoveAll(path)
		}
		_ = dir.Close()
	}
}

func ours(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Uid == uint32(os.Geteuid())
}

// remove ends the stage.
func (s *stage) remove() error {
	if s == nil {
		return nil
	}
	err := os.RemoveAll(s.dir)
	return errors.Join(err, s.lock.Close())
}

func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("lock %s: %w", f.Name(), err)
		}
	}
}
