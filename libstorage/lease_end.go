// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"os"
)

// endLease calls remove for an image that none of our containers uses, while
// none can begin to. It returns our containers that use it; remove is not
// called when there are some, or when the image is not free for another
// reason.
func (s *Store) endLease(ctx context.Context, imageID string, free bool, remove func() error) ([]User, error) {
	if !leasable(imageID) {
		return nil, remove()
	}
	if err := s.sweepLease(ctx, imageID); err != nil {
		return nil, err
	}
	l, err := s.lockLease(ctx, imageID)
	if err != nil {
		return nil, leaseError(imageID, err)
	}
	defer l.unlock()
	members, err := s.leaseMembers(imageID)
	if err != nil {
		return nil, leaseError(imageID, err)
	}
	users := make([]User, 0, len(members))
	for _, id := range members {
		user := User{ID: id, Ours: true}
		if info, err := s.readContainer(id); err == nil {
			user.Name = info.Record.Name
		}
		users = append(users, user)
	}
	if len(users) > 0 {
		return users, nil
	}
	err = s.deleteLease(imageID)
	if err == nil && free {
		err = remove()
	}
	return nil, errors.Join(err, removeFile(l.path), os.Remove(s.leaseDir(imageID)))
}

// leaseMembers are the containers of ours that use an image.
func (s *Store) leaseMembers(imageID string) ([]string, error) {
	if !leasable(imageID) {
		return nil, nil
	}
	names, err := entries(s.leaseDir(imageID))
	members := names[:0]
	for _, name := range names {
		if checkID(name) {
			members = append(members, name)
		}
	}
	return members, err
}

// sweepLeases takes away leases whose containers are gone, which only a full
// disk or a foreign hand leaves. It is for who finds an image in use.
func (s *Store) sweepLeases(ctx context.Context) error {
	images, err := entries(s.tug("leases"))
	for _, image := range images {
		err = errors.Join(err, s.sweepLease(ctx, image))
	}
	return err
}

func (s *Store) sweepLease(ctx context.Context, image string) error {
	members, err := s.leaseMembers(image)
	if err != nil {
		return err
	}
	if len(members) == 0 {
		return s.ReleaseLease(ctx, image, newID())
	}
	for _, id := range members {
		if !s.claimed(id) {
			err = errors.Join(err, s.ReleaseLease(ctx, image, id))
		}
	}
	return err
}
