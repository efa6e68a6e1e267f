// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/ondisk"
)

// endLease calls remove for an image of which nobody has the lease, while
// nobody can begin to. It returns our containers that use it, or the lease when
// somebody else has it; remove is not called when there are some, or when the
// image is not free for another reason.
func (s *Store) endLease(ctx context.Context, imageID string, free bool, remove func() error) ([]User, error) {
	if !leasable(imageID) {
		return nil, remove()
	}
	l, err := s.lockLease(ctx, imageID)
	if err != nil {
		return nil, leaseError(imageID, err)
	}
	defer l.unlock()
	links, err := l.links()
	if err != nil {
		return nil, leaseError(imageID, err)
	}
	if links > 1 {
		users, err := s.leaseUsers(imageID)
		if err == nil && len(users) == 0 {
			users = []User{{ID: leaseID(imageID), Name: leaseContainer(imageID), Ours: true}}
		}
		return users, err
	}
	err = s.deleteLease(ctx, imageID)
	if err == nil && free {
		err = remove()
	}
	return nil, errors.Join(err, ondisk.Remove(l.path))
}

// leaseUsers finds the containers of ours that use an image.
func (s *Store) leaseUsers(imageID string) ([]User, error) {
	var users []User
	for _, kind := range []string{"ephemeral", "containers"} {
		ids, err := ondisk.Names(s.tug(kind))
		if err != nil {
			return nil, leaseError(imageID, err)
		}
		for _, id := range ids {
			var st unix.Stat_t
			if !checkID(id) || unix.Lstat(leaseLink(s.tug(kind, id), imageID), &st) != nil {
				continue
			}
			user := User{ID: id, Ours: true}
			if info, err := s.readContainer(id); err == nil {
				user.Name = info.Record.Name
			}
			users = append(users, user)
		}
	}
	return users, nil
}

// sweepLeases takes away leases without users, which a removal leaves that
// was cut short, or a foreign hand.
func (s *Store) sweepLeases(ctx context.Context) error {
	images, err := ondisk.Names(s.tug("leases"))
	for _, image := range images {
		if !leasable(image) {
			continue
		}
		l, lerr := waitLock(ctx, s.leaseFile(image), tryLock)
		if errors.Is(lerr, errGone) || errors.Is(lerr, fs.ErrNotExist) {
			continue
		}
		if lerr == nil {
			lerr = errors.Join(s.dropIdle(ctx, l, image), l.unlock())
		}
		err = errors.Join(err, lerr)
	}
	return err
}

// leasesOf finds what a container without a record has leases of.
func leasesOf(dir string) ([]string, error) {
	names, err := ondisk.Names(dir)
	var images []string
	for _, name := range names {
		if image, ok := strings.CutPrefix(name, leaseLinkPrefix); ok {
			images = append(images, image)
		}
	}
	return images, err
}
