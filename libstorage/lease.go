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
	"github.com/tug-containers/tug/internal/ondisk"
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

// leaseLink is the name, in the directory of who uses an image, of the link to
// the lease's file.
func leaseLink(dir, image string) string { return dir + "/" + leaseLinkPrefix + image }

const leaseLinkPrefix = "lease-"

// AcquireLease keeps an image from being removed, by us and by every other
// tool of the store, until ReleaseLease with the same directory, or until that
// directory is gone. Containers do it themselves; it is for who uses an image
// without one. The directory must be on the disk of the graph root. Acquiring
// twice is the same as once.
//
// The first user of an image makes one container in containers/storage; all
// of them have a link to one file, whose link count is how many they are. With
// durable the lease survives a power cut.
func (s *Store) AcquireLease(ctx context.Context, imageID, dir string, durable bool) error {
	if !leasable(imageID) {
		return unknownImage(imageID)
	}
	l, err := s.lockLease(ctx, imageID)
	if err != nil {
		return leaseError(imageID, err)
	}
	defer l.unlock()
	before, err := l.links()
	if err == nil {
		err = os.Link(l.path, leaseLink(dir, imageID))
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return leaseError(imageID, errors.Join(err, s.releaseLocked(ctx, l, imageID, dir)))
	}
	// Another tool may have removed the lease by force: look, do not trust.
	err = nil
	if before < 2 || !s.hasLease(imageID) {
		err = s.createLease(ctx, imageID)
	}
	if err == nil {
		_, err = s.lib.Image(imageID) // it may have been removed just before
	}
	if err == nil && durable {
		err = errors.Join(ondisk.SyncDir(dir), ondisk.SyncDir(filepath.Dir(l.path)))
	}
	if err != nil {
		return errors.Join(leaseError(imageID, err), s.releaseLocked(ctx, l, imageID, dir))
	}
	return nil
}

// ReleaseLease ends what AcquireLease began. The last user of an image takes
// the lease away. Releasing what was not acquired is no error.
func (s *Store) ReleaseLease(ctx context.Context, imageID, dir string) error {
	if !leasable(imageID) {
		return nil
	}
	l, err := waitLock(ctx, s.leaseFile(imageID), tryLock)
	if errors.Is(err, errGone) || errors.Is(err, fs.ErrNotExist) {
		return ondisk.Remove(leaseLink(dir, imageID)) // a foreign hand was there
	} else if err != nil {
		return leaseError(imageID, err)
	}
	defer l.unlock()
	if err := s.releaseLocked(ctx, l, imageID, dir); err != nil {
		return leaseError(imageID, err)
	}
	return nil
}

func (s *Store) releaseLocked(ctx context.Context, l *heldLock, imageID, dir string) error {
	if err := ondisk.Remove(leaseLink(dir, imageID)); err != nil {
		return err
	}
	return s.dropIdle(ctx, l, imageID)
}

// dropIdle takes the lease away when nobody has a link to its file.
func (s *Store) dropIdle(ctx context.Context, l *heldLock, imageID string) error {
	if n, err := l.links(); err != nil || n > 1 {
		return err
	}
	if err := s.deleteLease(ctx, imageID); err != nil {
		return err
	}
	// Whoever has opened the file meanwhile finds it unlinked.
	return ondisk.Remove(l.path)
}

// lockLease holds the lock of an image's lease, for which there is a file then.
func (s *Store) lockLease(ctx context.Context, imageID string) (*heldLock, error) {
	path := s.leaseFile(imageID)
	for {
		l, err := waitLock(ctx, path, func(path string) (*heldLock, error) { return openLock(path, unix.O_CREAT, lockWhole) })
		switch {
		case errors.Is(err, errGone):
			continue // the last one took it away
		case errors.Is(err, fs.ErrNotExist):
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				return nil, err
			}
			continue
		}
		return l, err
	}
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
