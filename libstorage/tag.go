// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
	"go.podman.io/storage"
)

// FullName completes a name that an image is to have: a short name goes under
// localhost/, a missing tag is "latest".
func FullName(name string) (string, error) {
	ref, err := parseReference(name)
	if err != nil {
		return "", err
	}
	if ref.domain == "" {
		ref.domain = localDomain
	}
	return ref.tagged().String(), nil
}

// Tag gives an image one more name, and takes it from the image that has it.
// The name is completed as FullName does. An image of an additional store is
// named in the store itself; its layers stay where they are.
func (s *Store) Tag(ctx context.Context, id, name string) (err error) {
	defer caught(name, &err)
	if err := s.writable(); err != nil {
		return err
	}
	full, err := FullName(name)
	if err != nil {
		return err
	}
	if strings.Contains(full, "@") || strings.HasPrefix(name, "sha256:") {
		return errclass.New(errclass.Usage, name, fmt.Errorf("%q: %w: a digest is not a tag", name, ErrInvalidName))
	}
	img, err := s.record(ctx, id)
	if err != nil {
		return err
	}
	if slices.Contains(img.Names, full) {
		return nil
	}
	if err := s.lib.AddNames(img.ID, []string{full}); err != nil {
		s.forget()
		return s.nameError("tag", name, err)
	}
	return s.settle()
}

// settle makes what was done to the list of images survive a power cut. The
// library writes a new list to the disk, but not that it has the old one's name.
func (s *Store) settle() error {
	dir := filepath.Join(s.lib.GraphRoot(), s.Driver()+"-images")
	if err := ondisk.SyncDir(dir); err != nil {
		return errclass.New(classOf(err), dir, fmt.Errorf("write the list of images: %w", err))
	}
	return nil
}

// Untag takes a name from an image, which may be its last.
func (s *Store) Untag(ctx context.Context, id, name string) (err error) {
	defer caught(name, &err)
	if err := s.writable(); err != nil {
		return err
	}
	full, err := FullName(name)
	if err != nil {
		return err
	}
	img, err := s.record(ctx, id)
	if err != nil {
		return err
	}
	if !slices.Contains(img.Names, full) {
		return errclass.New(errclass.NotFound, name, fmt.Errorf("%s: image %s does not have that name: %w", full, shortID(img.ID), ErrImageUnknown))
	}
	return s.untag(img.ID, full)
}

func (s *Store) untag(id, full string) error {
	err := s.roomy(func() error { return s.lib.RemoveNames(id, []string{full}) })
	if err != nil {
		return s.nameError("untag", full, err)
	}
	return s.settle()
}

func (s *Store) nameError(verb, name string, err error) error {
	if errors.Is(err, storage.ErrLayerUnknown) || errors.Is(err, storage.ErrImageUnknown) {
		return unknownImage(name)
	}
	return errclass.New(classOf(err), name, fmt.Errorf("%s %s: %w", verb, name, err))
}
