// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/tug-containers/tug/internal/errclass"
	"go.podman.io/storage"
)

// Image finds one image. The first of these that fits decides:
//
//  1. a full ID, or a digest ("sha256:..." of a config or a manifest),
//  2. a full name; without a tag, "latest",
//  3. a short name, after localhost/ and then after docker.io/library/,
//  4. the beginning of an ID,
//  5. a short name that is the end of one image's repository.
//
// Where 4 or 5 fit more than one image, the error is ErrImageAmbiguous and
// names them. With a tag and a digest, the digest decides.
func (s *Store) Image(ctx context.Context, name string) (Image, error) {
	img, _, err := s.lookup(ctx, name)
	return img, err
}

// ImageAndName is Image, and gives the full name that it was found by as well; it
// is empty when that was an ID or a digest.
func (s *Store) ImageAndName(ctx context.Context, name string) (Image, string, error) {
	return s.lookup(ctx, name)
}

// lookup also gives the full name by which the image was found; it is empty
// when that was an ID or a digest.
func (s *Store) lookup(ctx context.Context, name string) (_ Image, _ string, err error) {
	defer caught(name, &err)
	if err := context.Cause(ctx); err != nil {
		return Image{}, "", err
	}
	if hex := strings.TrimPrefix(name, "sha256:"); isID(hex) {
		return s.byDigest(name, hex)
	}
	ref, refErr := parseReference(name)
	if refErr == nil {
		for _, candidate := range ref.candidates() {
			img, found, err := s.byName(candidate)
			if err != nil || found != "" {
				return img, found, err
			}
		}
	}
	return s.search(name, ref, refErr)
}

// byDigest finds an image by its ID, or by the digest of one of its
// manifests.
func (s *Store) byDigest(name, hex string) (Image, string, error) {
	img, err := s.lib.Image(hex)
	if err == nil {
		return imageOf(img), "", nil
	}
	if !errors.Is(err, storage.ErrImageUnknown) {
		return Image{}, "", lookupError(name, err)
	}
	images, err := s.lib.ImagesByDigest(digest.NewDigestFromEncoded(digest.SHA256, hex))
	if err != nil && !errors.Is(err, storage.ErrImageUnknown) {
		return Image{}, "", lookupError(name, err)
	}
	if len(images) == 0 {
		return Image{}, "", unknownImage(name)
	}
	return imageOf(images[0]), "", nil
}

// byName finds an image by a full name, or by a repository and the digest of
// a manifest.
func (s *Store) byName(ref reference) (Image, string, error) {
	full := ref.String()
	img, err := s.lib.Image(full)
	if err == nil {
		return imageOf(img), full, nil
	}
	if !errors.Is(err, storage.ErrImageUnknown) {
		return Image{}, "", lookupError(full, err)
	}
	if ref.digest == "" {
		return Image{}, "", nil
	}
	images, err := s.lib.ImagesByDigest(digest.Digest(ref.digest))
	if err != nil && !errors.Is(err, storage.ErrImageUnknown) {
		return Image{}, "", lookupError(full, err)
	}
	for _, img := range images {
		for _, name := range img.Names {
			if known, err := parseReference(name); err == nil && known.repository() == ref.repository() {
				return imageOf(img), full, nil
			}
		}
	}
	return Image{}, "", nil
}

// search goes through the whole list, for what no index knows.
func (s *Store) search(name string, ref reference, refErr error) (Image, string, error) {
	images, err := s.records()
	if err != nil {
		return Image{}, "", err
	}
	if isHexString(name) {
		fits := slices.DeleteFunc(slices.Clone(images), func(img storage.Image) bool { return !strings.HasPrefix(img.ID, name) })
		if len(fits) > 0 {
			return only(name, fits, "")
		}
	}
	if refErr != nil {
		return Image{}, "", errclass.New(errclass.NotFound, name, fmt.Errorf("%w: %w", ErrImageUnknown, refErr))
	}
	var fits []storage.Image
	found := ""
	for _, img := range images {
		for _, full := range img.Names {
			known, err := parseReference(full)
			if err == nil && ref.stands(known) {
				fits = append(fits, img)
				found = full
				break
			}
		}
	}
	return only(name, fits, found)
}

func only(name string, fits []storage.Image, found string) (Image, string, error) {
	switch len(fits) {
	case 0:
		return Image{}, "", unknownImage(name)
	case 1:
		return imageOf(&fits[0]), found, nil
	}
	names := make([]string, 0, len(fits))
	for _, img := range fits {
		if found != "" && len(img.Names) > 0 {
			names = append(names, img.Names[0])
		} else {
			names = append(names, shortID(img.ID))
		}
	}
	sort.Strings(names)
	if len(names) > 4 {
		names = append(names[:4], "...")
	}
	return Image{}, "", errclass.New(errclass.Conflict, name,
		fmt.Errorf("%s: %w: it fits %s", name, ErrImageAmbiguous, strings.Join(names, ", ")))
}

// records lists what the stores record, each ID once: that of the writable
// store hides those of additional ones.
func (s *Store) records() ([]storage.Image, error) {
	all, err := s.lib.Images()
	if err != nil {
		return nil, errclass.New(classOf(err), s.root, fmt.Errorf("list images of %s: %w", s.root, err))
	}
	return distinct(all), nil
}

func distinct(all []storage.Image) []storage.Image {
	seen := make(map[string]bool, len(all))
	return slices.DeleteFunc(all, func(img storage.Image) bool {
		if seen[img.ID] {
			return true
		}
		seen[img.ID] = true
		return false
	})
}

func imageOf(img *storage.Image) Image {
	return Image{
		ID: img.ID, Names: slices.Clone(img.Names), History: slices.Clone(img.NamesHistory),
		Digest: img.Digest, Digests: slices.Clone(img.Digests),
		Created: img.Created, TopLayer: img.TopLayer, ReadOnly: img.ReadOnly, Size: -1,
	}
}

func lookupError(name string, err error) error {
	return errclass.New(classOf(err), name, fmt.Errorf("look up image %s: %w", name, err))
}
