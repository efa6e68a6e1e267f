// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.podman.io/storage"

	"github.com/tug-containers/tug/internal/ondisk"
)

// layerAge is how old a layer without an image must be to be nobody's: that of
// an image that is being pulled or built has none yet, and no lock tells so. It
// is what the library's own check takes.
const layerAge = 24 * time.Hour

// leftImages are removals of images that were not finished.
func (s *Store) leftImages(context.Context, CollectOptions) ([]Leftover, error) {
	images, err := ondisk.Names(s.tug("removing"))
	var left []Leftover
	for _, image := range images {
		left = append(left, Leftover{"image", image, "its removal was not finished", func(ctx context.Context) (bool, error) {
			users, err := s.endLease(ctx, image, true, func() error {
				s.finishRemoval(image)
				return nil
			})
			if err == nil && len(users) == 0 {
				s.forgetRemoval(image)
			}
			return err == nil && len(users) == 0, err
		}})
	}
	return left, err
}

// leftLayers are those that no image, no container and no other layer needs.
func (s *Store) leftLayers(context.Context, CollectOptions) ([]Leftover, error) {
	list, err := s.lib.MultiList(storage.MultiListOptions{Images: true, Layers: true, Containers: true})
	if err != nil {
		return nil, fmt.Errorf("list layers of %s: %w", s.root, err)
	}
	needed := map[string]bool{}
	for _, img := range list.Images {
		needed[img.TopLayer] = true
		for _, layer := range img.MappedTopLayers {
			needed[layer] = true
		}
	}
	for _, c := range list.Containers {
		needed[c.LayerID] = true
	}
	for _, layer := range list.Layers {
		needed[layer.Parent] = true
	}
	var left []Leftover
	for _, layer := range list.Layers {
		if needed[layer.ID] || layer.ReadOnly || len(layer.Names) > 0 || time.Since(layer.Created) < layerAge {
			continue
		}
		left = append(left, Leftover{"layer", layer.ID, "no image has it", func(context.Context) (bool, error) {
			err := s.roomy(func() error { return s.lib.DeleteLayer(layer.ID) })
			for _, taken := range []error{storage.ErrLayerUsedByImage, storage.ErrLayerUsedByContainer, storage.ErrLayerHasChildren, storage.ErrLayerUnknown} {
				if errors.Is(err, taken) {
					return false, nil // somebody was quicker
				}
			}
			return err == nil, err
		}})
	}
	return left, nil
}
