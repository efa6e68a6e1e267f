// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/tug-containers/tug/internal/life"
	"golang.org/x/sys/unix"
)

// overlay puts what the monitor knows over the record: its live.json and
// exit.json, where they are of the last start. The monitor never writes the
// record, and who writes those while it lives is the monitor alone.
//
// A file that cannot be read says nothing: the state is then what the record
// and the process list tell.
func (info *ContainerInfo) overlay() {
	r := &info.Record
	if info.Err != nil || r.Starts == 0 {
		return
	}
	live, err := life.ReadLive(info.Dir)
	lives := err == nil && live.Starts == r.Starts
	if lives {
		r.Pid, r.StartTime, r.BootID, r.StartedAt = live.Pid, live.StartTime, live.BootID, live.StartedAt
		r.ExitCode = nil
		info.Restarts, info.Monitor = live.Restarts, live.Monitor
	}
	exit, err := life.ReadExit(info.Dir)
	if err != nil || exit.Starts != r.Starts || lives && exit.Restarts < live.Restarts {
		return
	}
	r.ExitCode, r.Finished, r.OOMKilled, r.Error = exit.Code, exit.Finished, exit.OOMKilled, exit.Error
}

// Monitored tells whether the container has a monitor now.
func (info *ContainerInfo) Monitored() bool { return life.Monitored(info.Dir) }

// AwaitMonitor returns when the container has no monitor any more: then its
// end is noted and it is cleaned up, or nobody will. The error is that of ctx.
// The caller must not hold the container's lock: the clean-up needs it.
func (info *ContainerInfo) AwaitMonitor(ctx context.Context) error {
	return life.Await(ctx, info.Dir)
}

// Locked tells whether somebody has the container's lock: one who starts it, or
// runs it attached, or works on it. Who removes it does not count. It takes no
// lock.
func (info *ContainerInfo) Locked() bool {
	fd, err := unix.Open(filepath.Join(info.Dir, lockFile), unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return false // moved, or gone
	}
	defer unix.Close(fd)
	lk := unix.Flock_t{Type: unix.F_WRLCK, Start: lockToGone} // all but the byte of who removes it
	return unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &lk) == nil && lk.Type != unix.F_UNLCK
}

// Health is what the health check of the last start found; nil when there is
// none.
func (info *ContainerInfo) Health() (*life.Health, error) {
	h, err := life.ReadHealth(info.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && (h.Starts != info.Record.Starts || h.Restarts != info.Restarts):
		return nil, nil
	case err != nil:
		return nil, damaged(info.Record.ID, "health", err)
	}
	return &h, nil
}

// NoteExit notes how the container ended when its monitor is not there to do
// it; code is nil when nobody saw it. It survives a power cut.
func (c *Container) NoteExit(code *int) error {
	r := c.record
	exit := life.Exit{Starts: r.Starts, Code: code, StartedAt: r.StartedAt, Finished: time.Now().UTC()}
	if live, err := life.ReadLive(c.dir); err == nil && live.Starts == r.Starts {
		exit.Restarts = live.Restarts
	}
	if err := exit.Write(c.dir); err != nil {
		return containerError(classOf(err), c.ID(), err)
	}
	c.record.ExitCode, c.record.Finished = code, exit.Finished
	return nil
}
