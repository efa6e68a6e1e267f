// SPDX-License-Identifier: Apache-2.0

package life

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/ondisk"
)

const noFollow = unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC

// ErrMonitored says that a container has a monitor already.
var ErrMonitored = errors.New("a monitor is there already")

// Hold takes the monitor's lock in dir: an OFD lock, which lives as long as the
// file is open, here or in a child that has inherited it. ErrMonitored when
// another has it.
func Hold(dir string) (*os.File, error) {
	f, err := ondisk.Hold(filepath.Join(dir, lockFile), 0o600)
	if errors.Is(err, ondisk.ErrLocked) {
		err = ErrMonitored
	}
	return f, err
}

// Monitored tells whether the container in dir has a monitor. It takes no lock.
func Monitored(dir string) bool { return ondisk.Held(filepath.Join(dir, lockFile)) }

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
