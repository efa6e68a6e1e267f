// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage/rootfs"
)

// ErrImageNotMounted: nobody asked for the image to be mounted.
var ErrImageNotMounted = errors.New("image is not mounted")

// MountedImage is an image that can be read at a directory of the host.
type MountedImage struct {
	Image
	Path string
}

// HoldImage makes an image readable at a directory, for every tool of the store,
// until it is released as often, the image is removed, or the host restarts. The
// library counts, as it does for podman.
func (s *Store) HoldImage(ctx context.Context, name string) (MountedImage, error) {
	none := MountedImage{}
	if err := s.writable(); err != nil {
		return none, err
	}
	img, err := s.Image(ctx, name)
	if err != nil {
		return none, err
	}
	if img.TopLayer == "" {
		return none, unsupported(name, errors.New("the image has no layers to mount"))
	}
	path, err := s.lib.MountImage(img.ID, []string{"ro"}, "")
	if err != nil {
		return none, errclass.New(classOf(err), name, fmt.Errorf("mount image %s: %w", name, err))
	}
	return MountedImage{img, path}, nil
}

// ReleaseImage undoes one HoldImage, or all of them. With the last one the image is
// unmounted. ErrImageNotMounted says that there was none.
func (s *Store) ReleaseImage(ctx context.Context, name string, all bool) (Image, error) {
	if err := s.writable(); err != nil {
		return Image{}, err
	}
	img, err := s.Image(ctx, name)
	if err != nil {
		return img, err
	}
	times := 0
	if img.TopLayer != "" {
		times, err = s.lib.Mounted(img.TopLayer)
	}
	if err == nil && times <= 0 {
		return img, errclass.New(errclass.Conflict, name, fmt.Errorf("%s: %w", name, ErrImageNotMounted))
	}
	if err == nil {
		_, err = s.lib.UnmountImage(img.ID, all)
	}
	if err != nil {
		err = errclass.New(classOf(err), name, fmt.Errorf("unmount image %s: %w", name, err))
	}
	return img, err
}

// HeldImages are those that are mounted, by us or another tool of the store.
func (s *Store) HeldImages(ctx context.Context) ([]MountedImage, error) {
	mounts, err := s.layerMounts()
	if err != nil {
		return nil, err
	}
	images, err := s.Images(ctx)
	if err != nil {
		return nil, err
	}
	var held []MountedImage
	for _, img := range images {
		if m := mounts[img.TopLayer]; m.times > 0 && m.there {
			held = append(held, MountedImage{img, m.path})
		}
	}
	return held, nil
}

// layerMount is what the library has noted of a layer's mount, and whether it is
// there.
type layerMount struct {
	times int
	path  string
	there bool
}

func (s *Store) layerMounts() (map[string]layerMount, error) {
	layers, err := s.lib.Layers()
	if err != nil {
		return nil, fmt.Errorf("list layers of %s: %w", s.root, err)
	}
	mounts := make(map[string]layerMount, len(layers))
	for _, layer := range layers {
		m := layerMount{times: layer.MountCount, path: layer.MountPoint, there: true}
		if s.Driver() == "overlay" { // others have the files there without a mount
			if m.path == "" {
				m.path = filepath.Join(s.root, "overlay", layer.ID, mergedDir)
			}
			m.there = rootfs.Mounted(m.path)
		}
		mounts[layer.ID] = m
	}
	return mounts, nil
}

// leftImageMounts are mounts of images of which the note is missing, and notes of
// mounts that are not there: somebody was killed, or unmounted by hand.
func (s *Store) leftImageMounts(ctx context.Context, _ CollectOptions) ([]Leftover, error) {
	if s.Driver() != "overlay" {
		return nil, nil
	}
	mounts, err := s.layerMounts()
	if err != nil {
		return nil, err
	}
	images, err := s.Images(ctx)
	var left []Leftover
	for _, img := range images {
		m := mounts[img.TopLayer]
		why := ""
		switch {
		case m.times <= 0 && m.there:
			why = "nobody knows of it"
		case m.times > 0 && !m.there:
			why = "it is not there any more"
		default:
			continue
		}
		left = append(left, Leftover{"mount", m.path, why, func(context.Context) (bool, error) { return s.settleMount(&img, m) }})
	}
	return left, err
}

// settleMount has the library unmount what leftImageMounts found, if it is still so.
func (s *Store) settleMount(img *Image, m layerMount) (bool, error) {
	if times, err := s.lib.Mounted(img.TopLayer); err != nil || times != m.times || rootfs.Mounted(m.path) != m.there {
		return false, err
	}
	_, err := s.lib.UnmountImage(img.ID, true)
	return err == nil, err
}
