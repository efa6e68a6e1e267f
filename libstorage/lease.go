// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"go.podman.io/storage"
	"golang.org/x/sys/unix"
)

// leaseContainer is the name that a lease has among the containers of
// containers/storage, which is how other tools show it.
func leaseContainer(image string) string { return "tug-lease-" + shortID(image) }

// leaseID is the ID of an image's lease.
func leaseID(image string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte("tug: lease of image "+image)))
}

// leasable tells whether an image ID can be part of a path.
func leasable(image string) bool {
	return image != "" && image[0] != '.' && !strings.ContainsAny(image, "/\x00") && len(image) < 256
}

// AcquireLease keeps an image from being removed, by us and by every other
// tool of the store, until ReleaseLease with the same container. Containers do
// it themselves; it is for who uses an image without one. Acquiring twice is
// the same as once.
//
// The first container of an image makes one container in containers/storage;
// the others only add a file. With durable the lease survives a power cut.
func (s *Store) AcquireLease(ctx context.Context, imageID, containerID string, durable bool) error {
	if !leasable(imageID) || !checkID(containerID) {
		return unknownImage(imageID)
	}
	l, err := s.lockLease(ctx, imageID)
	if err != nil {
		return leaseError(imageID, err)
	}
	defer l.unlock()
	dir := s.leaseDir(imageID)
	shared, err := hasMembers(dir, containerID)
	if err != nil {
		return leaseError(imageID, err)
	}
	if err := s.joinLease(dir, containerID); err != nil {
		return leaseError(imageID, err)
	}
	// Another tool may have removed the lease by force: look, do not trust.
	if !shared || !s.lib.Exists(leaseID(imageID)) {
		err = s.createLease(imageID)
	}
	if err == nil {
		_, err = s.lib.Image(imageID) // it may have been removed just before
	}
	if err == nil && durable {
		err = errors.Join(syncDir(dir), syncDir(filepath.Dir(dir)))
	}
	if err != nil {
		return errors.Join(leaseError(imageID, err), s.releaseLocked(l, imageID, containerID))
	}
	return nil
}

// joinLease adds a container to those that a lease is for.
func (s *Store) joinLease(dir, containerID string) error {
	member := filepath.Join(dir, containerID)
	for _, own := range []string{s.ephemeralDir(containerID), s.persistentDir(containerID)} {
		err := unix.Link(own+"/"+lockFile, member)
		if err == nil || err == unix.EEXIST {
			return nil
		}
	}
	// Somebody who is not a container.
	fd, err := unix.Open(member, unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return &os.PathError{Op: "create", Path: member, Err: err}
	}
	return unix.Close(fd)
}

// ReleaseLease ends what AcquireLease began. The last container of an image
// takes the lease away.
func (s *Store) ReleaseLease(ctx context.Context, imageID, containerID string) error {
	if !leasable(imageID) || !checkID(containerID) {
		return nil
	}
	var st unix.Stat_t
	if unix.Lstat(s.leaseDir(imageID), &st) == unix.ENOENT {
		return nil
	}
	l, err := s.lockLease(ctx, imageID)
	if err != nil {
		return leaseError(imageID, err)
	}
	defer l.unlock()
	if err := s.releaseLocked(l, imageID, containerID); err != nil {
		return leaseError(imageID, err)
	}
	return nil
}

func (s *Store) releaseLocked(l *heldLock, imageID, containerID string) error {
	dir := s.leaseDir(imageID)
	if containerID != "" {
		if err := removeFile(filepath.Join(dir, containerID)); err != nil {
			return err
		}
	}
	if shared, err := hasMembers(dir, ""); err != nil || shared {
		return err
	}
	if err := s.deleteLease(imageID); err != nil {
		return err
	}
	// Whoever has opened the lock file meanwhile finds it unlinked.
	return errors.Join(removeFile(l.path), os.Remove(dir))
}

// lockLease holds the lock of an image's lease, for which there is a
// directory then.
func (s *Store) lockLease(ctx context.Context, imageID string) (*heldLock, error) {
	path := filepath.Join(s.leaseDir(imageID), lockFile)
	for {
		l, err := waitLock(ctx, path, func(path string) (*heldLock, error) { return openLock(path, unix.O_CREAT) })
		switch {
		case errors.Is(err, errGone):
			continue // the last one took it away
		case errors.Is(err, fs.ErrNotExist):
			if err := mkdir(s.leaseDir(imageID)); err != nil && !errors.Is(err, fs.ErrExist) {
				return nil, err
			}
			continue
		}
		return l, err
	}
}

// hasMembers tells whether a lease is shared by somebody but except.
func hasMembers(dir, except string) (bool, error) {
	f, err := os.Open(dir)
	if err != nil {
		return false, err
	}
	defer f.Close()
	names, err := f.Readdirnames(4)
	for _, name := range names {
		if name != lockFile && name != except {
			return true, nil
		}
	}
	if len(names) == 0 {
		return false, nil // io.EOF
	}
	return false, err
}

func leaseError(image string, err error) error {
	if errors.Is(err, storage.ErrImageUnknown) || errors.Is(err, storage.ErrNotAnImage) {
		return unknownImage(image)
	}
	class := classOf(err)
	if errors.Is(err, errLocked) {
		class = errclass.Conflict
	}
	return errclass.New(class, image, fmt.Errorf("image %s: lease: %w", shortID(image), err))
}
