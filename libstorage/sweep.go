// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/ondisk"
)

// Sweep removes what killed processes left: ephemeral containers whose command
// and whose process are gone, containers that were never finished, removals
// that were not completed. It never touches a container whose lock is held or
// whose process lives. stop, when it is not nil, is called for each before it
// is removed; an error from it keeps the container.
//
// It returns the IDs that it removed. When there is nothing to do it costs one
// look into a directory.
func (s *Store) Sweep(ctx context.Context, stop StopFunc) ([]string, error) {
	if s.readOnly {
		return nil, nil
	}
	ids, err := ondisk.Names(s.tug("ephemeral"))
	var removed []string
	for _, id := range ids {
		if ctx.Err() != nil {
			return removed, errors.Join(err, context.Cause(ctx))
		}
		if !checkID(id) {
			continue // not ours
		}
		swept, serr := s.sweepOne(ctx, id, stop)
		if swept {
			removed = append(removed, id)
		}
		err = errors.Join(err, serr)
	}
	return removed, err
}

// sweepOne removes one container if it is garbage.
func (s *Store) sweepOne(ctx context.Context, id string, stop StopFunc) (bool, error) {
	if !checkID(id) {
		return false, nil
	}
	dir := s.ephemeralDir(id)
	l, err := tryLeavingLock(filepath.Join(dir, lockFile))
	if errors.Is(err, fs.ErrNotExist) {
		// Whoever creates one makes the lock file first. Without it the
		// directory is empty, or garbage.
		err = unix.Rmdir(dir)
		if err == nil || err == unix.ENOENT {
			return err == nil, nil
		}
		if err != unix.ENOTEMPTY && err != unix.EEXIST {
			return false, containerError(classOf(err), id, err)
		}
		l, err = newLock(filepath.Join(dir, lockFile))
	}
	if errors.Is(err, errLocked) || errors.Is(err, errGone) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		return false, nil // alive, or somebody else is at it
	} else if err != nil {
		return false, containerError(classOf(err), id, err)
	}
	info := s.readGarbage(id)
	if errors.Is(info.Err, ErrNewerFormat) || alive(info) {
		return false, l.unlock()
	}
	if stop != nil {
		if err := stop(ctx, info); err != nil {
			return false, errors.Join(containerError(classOf(err), id, err), l.unlock())
		}
	}
	c := s.container(info, l)
	if info.Err != nil {
		if err := c.guess(ctx); err != nil {
			return false, errors.Join(containerError(classOf(err), id, err), l.unlock())
		}
	}
	if err := c.remove(ctx); err != nil {
		return false, err
	}
	return true, nil
}

// readGarbage reads what is left of a container in ephemeral/.
func (s *Store) readGarbage(id string) ContainerInfo {
	dir := s.ephemeralDir(id)
	info := ContainerInfo{Dir: dir, RunDir: s.newRunDir(id)}
	if _, run, err := readSign(filepath.Join(dir, lockFile)); err == nil && run != "" {
		info.RunDir = run // another run root's, perhaps
	}
	info.Record, info.Err = readRecord(id, filepath.Join(info.RunDir, recordFile))
	if errors.Is(info.Err, fs.ErrNotExist) {
		info.Record, info.Err = readRecord(id, filepath.Join(dir, recordFile))
	}
	return info
}

// alive tells whether the process of a container lives, if need be by what
// the runtime wrote when nobody was there any more to note it.
func alive(info ContainerInfo) bool {
	if info.Monitored() {
		return true // it has an end to note, and cleans up
	}
	if info.Err == nil && (info.Record.Pid != 0 || info.Record.ExitCode != nil) {
		return info.Record.State() == Running
	}
	path := filepath.Join(info.RunDir, PidFile)
	st, err := os.Stat(path)
	if err != nil {
		return false
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return true
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return false
	}
	// A process that is younger than the file has got the number later. In
	// doubt it lives.
	start, ok := host{}.startTime(pid)
	return ok && !startedAfter(start, st.ModTime())
}

// startedAfter tells whether a process that started so many ticks after the
// boot started well after t.
func startedAfter(ticks uint64, t time.Time) bool {
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return false
	}
	const perSecond = 100 // USER_HZ, the same on every machine that Go runs on
	booted := time.Now().Add(-time.Duration(up.Nano()))
	return booted.Add(time.Duration(ticks) * (time.Second / perSecond)).After(t.Add(2 * time.Second))
}

// guess finds what a container without a readable record has: any name, any
// lease, any kind of file system.
func (c *Container) guess(ctx context.Context) error {
	names, err := c.store.namesOf(c.lock.path)
	for _, name := range names {
		err = errors.Join(err, ondisk.Remove(c.store.nameLink(name)))
	}
	images, lerr := leasesOf(c.dir)
	err = errors.Join(err, lerr)
	for _, image := range images {
		err = errors.Join(err, c.store.ReleaseLease(ctx, image, c.dir))
	}
	if c.record.Volumes, lerr = c.store.volumeNames(); lerr != nil {
		err = errors.Join(err, lerr)
	}
	// And what a release that was cut short left.
	err = errors.Join(err, c.store.sweepLeases(ctx))
	c.record.Driver, c.record.Ephemeral, c.mounts = "overlay", false, 1
	c.fs = c.newRootfs()
	if c.store.lib.Exists(c.ID()) {
		c.record.Driver = "library"
		err = errors.Join(err, c.newRootfs().Remove())
		c.record.Driver = "overlay"
	}
	return err
}
