// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/tug-containers/tug/internal/ondisk"
	"github.com/tug-containers/tug/libstorage/rootfs"
	"golang.org/x/sys/unix"
)

// leftRuns are what is left of the run of a container that stays: mounts, the
// bundle, files that were not renamed.
func (s *Store) leftRuns(ctx context.Context, o CollectOptions) ([]Leftover, error) {
	list, err := s.Containers(ctx)
	var left []Leftover
	for i := range list {
		info := &list[i]
		if info.Dir != s.persistentDir(info.Record.ID) || !info.idle() {
			continue
		}
		left = append(left, s.leftFiles(info)...)
		if why := info.leftRun(); why != "" && o.Settle != nil {
			left = append(left, Leftover{"run", info.Record.ID, why, func(ctx context.Context) (bool, error) {
				err := o.Settle(ctx, *info)
				if errors.Is(err, ErrContainerLocked) || errors.Is(err, ErrContainerUnknown) {
					return false, nil
				}
				return err == nil, err
			}})
		} else if why := info.leftMount(); why != "" {
			left = append(left, Leftover{"run", info.Record.ID, why, func(ctx context.Context) (bool, error) {
				return s.unmountLeft(ctx, info.Record.ID)
			}})
		}
	}
	return left, err
}

// idle tells that nobody is at work on a container, and that it does not run.
func (info *ContainerInfo) idle() bool {
	return info.Err == nil && !alive(*info) && !info.Monitored() && !lockHeld(filepath.Join(info.Dir, lockFile))
}

// leftRun says what is left of a run that has ended. That of a container that
// never ran is what its start needs.
func (info *ContainerInfo) leftRun() string {
	why := "nobody cleaned up after its end"
	if info.Record.State() == Created {
		why = "its start was not finished"
	}
	names, err := ondisk.Names(info.RunDir)
	if err != nil || info.Record.BootID == "" || !exists(info.RunDir) {
		return ""
	}
	if times, _ := info.Held(); times == 0 {
		return why
	}
	for _, name := range names {
		if name != heldFile && name != mergedDir {
			return why
		}
	}
	return ""
}

// leftMount says what is left of a command that had mounted the root file system
// for itself, or was about to keep it mounted.
func (info *ContainerInfo) leftMount() string {
	if info.Record.Driver != "overlay" {
		return ""
	}
	times, path := info.Held()
	if path == "" {
		path = filepath.Join(info.RunDir, mergedDir)
	}
	mounted := rootfs.Mounted(path)
	switch {
	case times == 0 && mounted:
		return "who had it mounted is gone"
	case times > 0 && !mounted:
		return "it was to be mounted, and is not"
	}
	return ""
}

// unmountLeft undoes what leftMount found. The rest of the run directory stays:
// a start needs it.
func (s *Store) unmountLeft(ctx context.Context, id string) (bool, error) {
	c, err := s.OpenContainer(ctx, id)
	if errors.Is(err, ErrContainerLocked) || errors.Is(err, ErrContainerUnknown) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	info := c.info()
	left := !alive(info) && info.leftMount() != ""
	if left {
		err = errors.Join(ondisk.Remove(filepath.Join(c.runDir, heldFile)), c.note(c.fs.Unmount()))
	}
	return left && err == nil, errors.Join(err, c.Close())
}

// leftFiles are those that a killed process wrote and did not rename.
func (s *Store) leftFiles(info *ContainerInfo) []Leftover {
	names, _ := ondisk.Names(info.Dir)
	var left []Leftover
	for _, name := range names {
		if path := filepath.Join(info.Dir, name); strings.HasSuffix(name, ".json.tmp") {
			left = append(left, Leftover{"file", path, "it was not finished", func(context.Context) (bool, error) {
				l, err := tryLock(filepath.Join(info.Dir, lockFile))
				if err != nil || info.Monitored() {
					return false, errors.Join(l.unlock())
				}
				return true, errors.Join(ondisk.Remove(path), l.unlock())
			}})
		}
	}
	return left
}

func exists(path string) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil
}

// linksOf is how many names a file has, 0 when it is not there.
func linksOf(path string) int {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil {
		return 0
	}
	return int(st.Nlink)
}
