// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"go.podman.io/storage"
)

// RemoveOptions say how Remove goes about it.
type RemoveOptions struct {
	// Force removes an image that has several names although it was asked
	// for by ID. No container is ever removed with an image.
	Force bool
	// NoPrune keeps the nameless images that this one was made from.
	NoPrune bool
}

// Removed is what a removal did.
type Removed struct {
	Untagged []string // names
	Deleted  []string // IDs
}

// Remove takes the name that an image was found by, and deletes the image
// with its last name, together with the layers that no other one needs and
// with the nameless images that only it was made from.
//
// It refuses an image of a read-only store (ErrReadOnly), one that a
// container uses (InUseError), and, without Force, one with several names
// when name is an ID or a digest (ErrSeveralNames). It works on a full disk.
func (s *Store) Remove(ctx context.Context, name string, opts RemoveOptions) (removed Removed, err error) {
	defer caught(name, &err)
	if err := s.writable(); err != nil {
		return removed, err
	}
	s.finishRemovals(ctx)
	img, found, err := s.lookup(ctx, name)
	if err != nil {
		return removed, err
	}
	if img.ReadOnly {
		return removed, errclass.New(errclass.Conflict, name, fmt.Errorf("%s: the image is in an additional image store: %w", name, ErrReadOnly))
	}
	byName := found != "" && !strings.Contains(found, "@")
	if len(img.Names) > 1 {
		if byName {
			removed.Untagged = []string{found}
			return removed, s.untag(img.ID, found)
		}
		if !opts.Force {
			return removed, errclass.New(errclass.Conflict, name, fmt.Errorf("%s: %w (%s): name one of them, or force the removal of all",
				name, ErrSeveralNames, strings.Join(img.Names, ", ")))
		}
	}
	var parents []string
	if !opts.NoPrune {
		parents = s.orphans(ctx, img.ID)
	}
	if err := s.delete(ctx, name, img.ID); err != nil {
		return removed, err
	}
	removed.Untagged = img.Names
	removed.Deleted = []string{img.ID}
	for _, parent := range parents {
		if err := s.delete(ctx, parent, parent); err != nil {
			// Something came to need it: it stays.
			break
		}
		removed.Deleted = append(removed.Deleted, parent)
	}
	s.keepBallast()
	return removed, nil
}

// delete removes an image's record and its unneeded layers, while no
// container of ours can begin to use it.
func (s *Store) delete(ctx context.Context, asked, id string) error {
	users, err := s.libraryUsers(id)
	if err != nil {
		return err
	}
	top := ""
	if img, err := s.lib.Image(id); err == nil {
		top = img.TopLayer
	}
	s.makeRoom()
	s.noteRemoval(id, top)
	defer s.forgetRemoval(id)
	own, err := s.endLease(ctx, id, len(users) == 0, func() error { return s.deleteRecord(asked, id, top) })
	if users = append(own, users...); len(users) > 0 {
		return inUse(asked, id, users)
	}
	return err
}

func (s *Store) deleteRecord(asked, id, top string) error {
	err := s.roomy(func() error { return second(s.lib.DeleteImage(id, true)) })
	if err == nil {
		return s.settle()
	}
	if errors.Is(err, storage.ErrLayerUnknown) || errors.Is(err, storage.ErrNotAnImage) {
		// A damaged image lacks layers; or somebody else was quicker; or the
		// record went, and then there was no room to go on.
		if _, gone := s.lib.Image(id); errors.Is(gone, storage.ErrImageUnknown) {
			s.deleteUnused(top)
			return nil
		}
	}
	if errors.Is(err, storage.ErrImageUsedByContainer) {
		if users, listErr := s.libraryUsers(id); listErr == nil && len(users) > 0 {
			return inUse(asked, id, users)
		}
	}
	return errclass.New(classOf(err), asked, fmt.Errorf("remove image %s: %w", asked, err))
}

// orphans asks for the lineage only when there is a nameless image to find;
// what cannot be read keeps no image from being removed.
func (s *Store) orphans(ctx context.Context, id string) []string {
	images, err := s.records()
	if err != nil || !slices.ContainsFunc(images, func(img storage.Image) bool { return img.ID != id && len(img.Names) == 0 }) {
		return nil
	}
	lineage, err := s.Lineage(ctx)
	if err != nil {
		return nil
	}
	return lineage.orphans(id)
}

func second[T any](_ T, err error) error { return err }

// libraryUsers lists the containers that podman, buildah and others keep in
// the store for an image, and those containers of ours whose root file system
// the library has: they have no lease.
func (s *Store) libraryUsers(id string) ([]User, error) {
	containers, err := s.lib.Containers()
	if err != nil {
		return nil, errclass.New(classOf(err), s.root, fmt.Errorf("list containers of %s: %w", s.root, err))
	}
	var users []User
	for _, c := range containers {
		if c.ImageID != id || c.ID == leaseID(id) {
			continue
		}
		user := User{ID: c.ID}
		if len(c.Names) > 0 {
			user.Name = c.Names[0]
		}
		if info, err := s.readContainer(c.ID); err == nil {
			user.Name, user.Ours = info.Record.Name, true
		}
		users = append(users, user)
	}
	return users, nil
}
