// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
	"github.com/tug-containers/tug/libstorage/rootfs"
	"golang.org/x/sys/unix"
)

// A root file system that a user wants to look into stays mounted: the file
// heldFile in the run directory counts how many times that was asked for, and
// says where it is. Cleanup leaves the mount alone then, a start uses it, and a
// removal ends it. After a restart of the host, file and mount are gone alike.
const heldFile = "held"

// holdLimit is how long one waits for who is at work on the container.
const holdLimit = 10 * time.Second

// ErrNotMounted: nobody asked for the root file system to stay mounted.
var ErrNotMounted = errors.New("container is not mounted")

// HoldRootfs mounts the root file system of a container, running or not, until
// it is released as often or the container is removed. It returns where.
func (s *Store) HoldRootfs(ctx context.Context, name string) (path string, err error) {
	if err := s.writable(); err != nil {
		return "", err
	}
	// Who starts a container has its lock until it runs, and an attached run as
	// long as that lasts.
	for end := time.Now().Add(holdLimit); ; {
		info, err := s.Container(ctx, name)
		if err == nil {
			err = info.Err
		}
		if err != nil {
			return "", err
		}
		name = info.Record.ID
		if info.Record.State() == Running {
			path, err = info.holdRunning(path)
		} else {
			path, err = s.holdStopped(ctx, info, path)
		}
		again := errors.Is(err, ErrContainerLocked)
		if !again || time.Now().After(end) {
			return path, err
		}
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// holdRunning counts for a container that runs, whose root file system is
// mounted. ErrContainerLocked says that it has just ended: the count may have come
// after its clean-up. Counted is the path when it was counted before.
func (info *ContainerInfo) holdRunning(counted string) (path string, err error) {
	if path = info.runningRoot(); path == "" {
		return "", containerError(errclass.Unsupported, info.Record.ID, errNowhere)
	}
	if counted == "" {
		if err := count(info.RunDir, func(int) (int, string) { return 1, path }); err != nil {
			return "", holdError(info, err)
		}
	}
	if info.Record.State() != Running {
		return path, ErrContainerLocked
	}
	return path, nil
}

// holdStopped mounts the root file system of a container that does not run.
func (s *Store) holdStopped(ctx context.Context, info ContainerInfo, counted string) (path string, err error) {
	c, err := s.OpenContainer(ctx, info.Record.ID)
	if err != nil {
		return counted, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	path = filepath.Join(c.runDir, mergedDir)
	if err = os.MkdirAll(c.runDir, 0o700); err == nil && counted == "" {
		// The count comes first: who is killed here leaves one without a mount,
		// and not the other way round.
		err = count(c.runDir, func(n int) (int, string) {
			if c.record.Driver == "overlay" && !rootfs.Mounted(path) {
				return 1 - n, path
			}
			return 1, path
		})
	}
	if err == nil {
		path, err = c.Rootfs().Mount(ctx)
		if err != nil && c.record.Driver == "overlay" {
			err = errors.Join(err, count(c.runDir, func(int) (int, string) { return -1, "" }))
		}
	}
	if err == nil && c.record.Driver != "overlay" {
		err = count(c.runDir, func(int) (int, string) { return 0, path })
	}
	return path, holdError(&info, err)
}

// ReleaseRootfs undoes one HoldRootfs, or all of them. With the last one the
// root file system is unmounted, unless the container runs. ErrNotMounted says
// that there was none.
func (s *Store) ReleaseRootfs(ctx context.Context, name string, all bool) (err error) {
	info, err := s.Container(ctx, name)
	if err != nil {
		return err
	}
	held, _ := info.Held()
	running := info.Record.State() == Running
	switch {
	case held == 0 && running:
		return containerError(errclass.Conflict, name, fmt.Errorf("its file system is in use: %w", ErrContainerRunning))
	case held == 0:
		return containerError(errclass.Conflict, name, ErrNotMounted)
	}
	left := 0
	err = count(info.RunDir, func(n int) (int, string) {
		if left = max(n-1, 0); all {
			left = 0
		}
		return left - n, ""
	})
	if err != nil || left > 0 || running && info.Record.State() == Running {
		return holdError(&info, err)
	}
	c, err := s.waitContainer(ctx, info.Record.ID)
	if errors.Is(err, ErrContainerUnknown) {
		return nil
	} else if err != nil {
		return err
	}
	if !alive(c.info()) {
		err = c.Cleanup()
	}
	return errors.Join(err, c.Close())
}

// Held tells how often HoldRootfs was called for the container and not undone,
// and where its root file system is then.
func (info *ContainerInfo) Held() (times int, path string) {
	data, err := os.ReadFile(filepath.Join(info.RunDir, heldFile))
	if err != nil {
		return 0, ""
	}
	return parseHeld(data)
}

// MountPoint is where the root file system of a container can be seen now; ""
// when it cannot.
func (info *ContainerInfo) MountPoint() string {
	if path := info.runningRoot(); path != "" {
		return path
	}
	times, path := info.Held()
	if times == 0 || info.Record.Driver == "overlay" && !rootfs.Mounted(path) {
		return ""
	}
	return path
}

// runningRoot is the root file system of a container that runs, where that is
// known.
func (info *ContainerInfo) runningRoot() string {
	if info.Err != nil || info.Record.State() != Running {
		return ""
	}
	return info.mountedRoot()
}

func holdError(info *ContainerInfo, err error) error {
	if err == nil {
		return nil
	}
	return containerError(classOf(err), info.Record.ID, fmt.Errorf("mount its root file system: %w", err))
}

// waitContainer takes the lock of a container, and waits a while for it: less for
// one that runs, since an attached run holds it to the end.
func (s *Store) waitContainer(ctx context.Context, id string) (*Container, error) {
	begin := time.Now()
	for {
		c, err := s.OpenContainer(ctx, id)
		if !errors.Is(err, ErrContainerLocked) || time.Since(begin) > holdLimit {
			return c, err
		}
		info, ierr := s.readContainer(id)
		if ierr == nil && info.Record.State() == Running && time.Since(begin) > holdLimit/10 {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// count changes the file by what change says of the count, and notes the path
// where it gives one. A count of nothing is no file.
func count(runDir string, change func(n int) (by int, path string)) error {
	name := filepath.Join(runDir, heldFile)
	for {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return err
		}
		again, err := countIn(f, name, change)
		if err = errors.Join(err, f.Close()); err != nil || !again {
			return err
		}
	}
}

// countIn does it in the open file; again says that the file was removed.
func countIn(f *os.File, name string, change func(n int) (by int, path string)) (again bool, err error) {
	lk := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLKW, &lk); err != nil {
		return false, &os.PathError{Op: "lock", Path: name, Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Nlink == 0 {
		return err == nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, unix.PathMax))
	if err != nil {
		return false, err
	}
	n, path := parseHeld(data)
	by, where := change(n)
	if where != "" {
		path = where
	}
	if n += by; n <= 0 {
		return false, ondisk.Remove(name)
	}
	// One write, and the rest is cut off: who is killed between the two leaves
	// a path that is only too long when it has become shorter, which it does not.
	text := fmt.Sprintf("%d\n%s\n", n, path)
	if _, err := f.WriteAt([]byte(text), 0); err != nil {
		return false, err
	}
	return false, f.Truncate(int64(len(text)))
}

func parseHeld(data []byte) (times int, path string) {
	number, rest, _ := strings.Cut(string(data), "\n")
	times, err := strconv.Atoi(number)
	if err != nil || times < 0 {
		return 0, ""
	}
	return times, strings.TrimSuffix(rest, "\n")
}

// held tells whether the container's root file system is to stay mounted.
func (c *Container) held() bool {
	info := ContainerInfo{Record: c.record, RunDir: c.runDir}
	times, _ := info.Held()
	return times > 0
}

// clearRunDir removes what a run left beside a mount that stays.
func (c *Container) clearRunDir() error {
	names, err := ondisk.Names(c.runDir)
	for _, name := range names {
		if name != heldFile && name != mergedDir {
			err = errors.Join(err, rootfs.RemoveTree(filepath.Join(c.runDir, name)))
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
