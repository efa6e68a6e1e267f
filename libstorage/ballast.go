// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"go.podman.io/storage/pkg/lockfile"
	"golang.org/x/sys/unix"
)

// Deleting needs room: the record lists are written anew beside the old ones
// before these go. So that a full disk can be emptied, the store keeps a
// ballast: files of allocated blocks under ROOT/tug/ballast, deleted before a
// removal when the disk is nearly full, made again when there is room. One
// file holds the bytes, the others hold inodes.
const (
	ballastBytes  = 1 << 20
	ballastInodes = 12
	// A disk with less is full, and one with more than enough is not.
	scarceBytes  = 4 << 20
	scarceInodes = 32
	plentyBytes  = 16 * scarceBytes
)

func (s *Store) ballastDir() string { return filepath.Join(s.root, "tug", "ballast") }

// keepBallast makes the ballast, or what is missing of it, when there is
// plenty of room. It is a help, not a promise: errors end it, and are no
// error of the caller.
func (s *Store) keepBallast() {
	dir := s.ballastDir()
	want := s.ballastSize()
	if info, err := os.Stat(filepath.Join(dir, "0")); err == nil && info.Size() >= want {
		return
	}
	if bytes, inodes := freeSpace(s.root); bytes < plentyBytes+want || inodes < 2*scarceInodes {
		return
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return
	}
	for i := range ballastInodes {
		f, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(i)), os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return
		}
		if i == 0 {
			err = unix.Fallocate(int(f.Fd()), 0, 0, want)
		}
		if closeErr := f.Close(); err != nil || closeErr != nil {
			return
		}
	}
}

// ballastSize is enough for a new copy of the largest record list.
func (s *Store) ballastSize() int64 {
	size := int64(ballastBytes)
	for _, kind := range recordKinds {
		if info, err := os.Stat(recordPath(s.root, s.Driver(), kind)); err == nil {
			size = max(size, ballastBytes+2*info.Size())
		}
	}
	return size
}

// makeRoom gives the ballast up when the disk is nearly full. It comes before
// every write that a removal needs.
func (s *Store) makeRoom() {
	if bytes, inodes := freeSpace(s.root); bytes >= scarceBytes && inodes >= scarceInodes {
		return
	}
	s.dropBallast()
}

// roomy does a removal's write on a disk that may be full, or whose quota may
// be used up, which the free space does not tell.
func (s *Store) roomy(write func() error) error {
	s.makeRoom()
	err := write()
	if err != nil && !errors.Is(err, errLocked) {
		s.forget()
	}
	if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
		return err
	}
	s.dropBallast()
	if err = write(); err != nil {
		s.forget()
	}
	return err
}

// forget makes the library read its lists again. It changes them in memory
// first, and keeps the change when it could not be written.
func (s *Store) forget() {
	for _, kind := range recordKinds {
		path := recordPath(s.root, s.Driver(), kind)
		lock, err := lockfile.GetLockFile(strings.TrimSuffix(path, ".json") + ".lock")
		if err != nil {
			continue
		}
		lock.Lock()
		_, _ = lock.RecordWrite()
		lock.Unlock()
	}
}

func (s *Store) dropBallast() {
	for i := range ballastInodes {
		// Truncated first: a file that somebody has open keeps its blocks.
		path := filepath.Join(s.ballastDir(), strconv.Itoa(i))
		_ = os.Truncate(path, 0)
		_ = os.Remove(path)
	}
}

// freeSpace gives the bytes and inodes that this process can still take; a
// file system that does not count inodes has enough of them.
func freeSpace(dir string) (bytes, inodes int64) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return plentyBytes, scarceInodes
	}
	inodes = int64(st.Ffree)
	if st.Files == 0 {
		inodes = 2 * scarceInodes
	}
	return int64(st.Bavail) * st.Bsize, inodes
}
