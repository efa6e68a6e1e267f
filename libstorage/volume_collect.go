// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/ondisk"
	"github.com/tug-containers/tug/libstorage/rootfs"
	"golang.org/x/sys/unix"
)

// CollectVolumes removes what killed processes left of volumes: those that were
// not finished, or half removed, content that was half copied, and anonymous
// ones whose container is gone. It gives a line for each thing that it removed,
// and leaves alone what somebody is at work on.
func (s *Store) CollectVolumes(ctx context.Context) (done []string, err error) {
	if s.readOnly {
		return nil, nil
	}
	names, err := ondisk.Names(s.volumeDir(""))
	for _, name := range names {
		if ctx.Err() != nil {
			return done, errors.Join(err, context.Cause(ctx))
		}
		var line string
		var cerr error
		switch {
		case strings.HasPrefix(name, newPrefix), strings.HasPrefix(name, gonePrefix):
			line, cerr = s.collectUnnamed(name)
		case validName(name):
			line, cerr = s.collectVolume(name)
		}
		if line != "" {
			done = append(done, line)
		}
		err = errors.Join(err, cerr)
	}
	return done, err
}

// collectUnnamed removes a directory without a name, if nobody has its lock.
func (s *Store) collectUnnamed(name string) (string, error) {
	dir := s.volumeDir(name)
	l, err := openLock(dir+"/"+lockFile, unix.O_CREAT, lockWhole)
	if errors.Is(err, errLocked) || errors.Is(err, errGone) || errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", volumeError(name, err)
	}
	v := &heldVolume{Volume: Volume{Name: name}, store: s, lock: l, dir: dir}
	err = v.unmount()
	if err == nil {
		err = removeGone(dir)
	}
	if err = errors.Join(err, v.unlock()); err != nil {
		return "", volumeError(name, err)
	}
	return "volume directory " + name + ": removed, it was not finished", nil
}

// collectVolume removes an anonymous volume without its container, and what is
// left over in others.
func (s *Store) collectVolume(name string) (string, error) {
	dir := s.volumeDir(name)
	if lockHeld(dir + "/" + lockFile) {
		return "", nil
	}
	v := s.readVolume(name)
	orphan := v.Err == nil && v.Anonymous && v.Owner != "" && !s.claimed(v.Owner)
	var st unix.Stat_t
	if staged := unix.Lstat(dir+"/"+stageDir, &st) == nil; !orphan && !staged {
		return "", s.dropStaleUsers(name)
	}
	held, err := openLock(dir+"/"+lockFile, unix.O_CREAT, lockWhole)
	if errors.Is(err, errLocked) || errors.Is(err, errGone) || errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", volumeError(name, err)
	}
	if !held.isAt(dir + "/" + lockFile) {
		return "", held.unlock() // the volume was made anew meanwhile
	}
	h := &heldVolume{Volume: s.readVolume(name), store: s, lock: held, dir: dir}
	users, err := s.VolumeUsers(name)
	if err == nil && len(users) == 0 && orphan && h.Owner != "" {
		return "volume " + name + ": removed, its container is gone", h.remove()
	}
	if err == nil {
		err = rootfs.RemoveTree(h.path(stageDir))
	}
	return "", errors.Join(err, h.unlock())
}

// volumeLeft says why a volume, or something of it, belongs to nobody; "" when it
// does, or when somebody is at work on it.
func (s *Store) volumeLeft(name string) string {
	dir := s.volumeDir(name)
	unnamed := strings.HasPrefix(name, newPrefix) || strings.HasPrefix(name, gonePrefix)
	if !unnamed && !validName(name) || lockHeld(dir+"/"+lockFile) {
		return ""
	}
	if unnamed && !exists(dir+"/"+lockFile) && youngerThan(dir, youngDir) {
		return "" // it is being made, or about to be gone
	}
	if unnamed {
		return "it was not finished"
	}
	v := s.readVolume(name)
	if v.Err == nil && v.Anonymous && v.Owner != "" && !s.claimed(v.Owner) {
		return "its container is gone"
	}
	if exists(dir + "/" + stageDir) {
		return "content was not all copied into it"
	}
	for _, kind := range []string{usersDir, mountedDir} {
		ids, _ := ondisk.Names(dir + "/" + kind)
		for _, id := range ids {
			if checkID(id) && !s.claimed(id) {
				return "a container that had it is gone"
			}
		}
	}
	return ""
}

// youngDir is how old a directory must be to be nobody's that has no lock file:
// there is a moment without one at the begin, and one at the end.
const youngDir = 5 * time.Second

func youngerThan(path string, age time.Duration) bool {
	info, err := os.Lstat(path)
	return err != nil || time.Since(info.ModTime()) < age
}

// dropStaleUsers forgets containers that are gone.
func (s *Store) dropStaleUsers(name string) (err error) {
	for _, kind := range []string{usersDir, mountedDir} {
		dir := s.volumeDir(name) + "/" + kind
		ids, lerr := ondisk.Names(dir)
		err = errors.Join(err, lerr)
		for _, id := range ids {
			if checkID(id) && !s.claimed(id) {
				err = errors.Join(err, ondisk.Remove(dir+"/"+id))
			}
		}
	}
	return err
}
