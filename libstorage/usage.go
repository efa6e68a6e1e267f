// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"fmt"

	"github.com/tug-containers/tug/internal/errclass"
)

// ImageUsage is what one image takes of the disk.
type ImageUsage struct {
	Image Image
	// Unique would be free without it; Shared is what other images need too.
	Unique, Shared int64
	// Containers is how many were made from it or have it mounted, those of
	// podman and others in the same store with them.
	Containers int
}

// ImagesUsage is what the images of a store take, each layer counted once.
type ImagesUsage struct {
	Images []ImageUsage
	// Total is all of it, Reclaimable what no container needs.
	Total, Reclaimable int64
}

// ImagesUsage adds up what images take. Those of additional stores are not
// among them: nothing of them can be had back. A damaged one counts as far as it
// is there.
func (s *Store) ImagesUsage(ctx context.Context) (usage ImagesUsage, err error) {
	users, err := s.imageUsers(ctx)
	if err != nil {
		return usage, err
	}
	snap, err := s.snapshot()
	if err != nil {
		return usage, err
	}
	layers, needed := map[string]int{}, map[string]bool{} // how many images have one; whether a container does
	for i := range snap.images {
		img := &snap.images[i]
		chain, _ := snap.chain(img) // what lacks takes nothing
		for _, layer := range chain {
			layers[layer.ID]++
			needed[layer.ID] = needed[layer.ID] || users[img.ID] > 0
		}
	}
	seen := map[string]bool{}
	for i := range snap.images {
		img := &snap.images[i]
		if img.ReadOnly {
			continue
		}
		one := ImageUsage{Image: imageOf(img), Containers: users[img.ID]}
		for _, size := range img.BigDataSizes {
			one.Unique += size
		}
		own := one.Unique
		chain, cerr := snap.chain(img)
		one.Image.Err = cerr
		for _, layer := range chain {
			size, err := s.layerSize(layer)
			if err != nil {
				one.Image.Err = damaged(img.ID, "size of layer "+shortID(layer.ID), err)
				continue
			}
			if layers[layer.ID] == 1 {
				one.Unique += size
			} else {
				one.Shared += size
			}
			if !seen[layer.ID] {
				seen[layer.ID] = true
				usage.Total += size
				if !needed[layer.ID] {
					usage.Reclaimable += size
				}
			}
		}
		usage.Total += own
		if one.Containers == 0 {
			usage.Reclaimable += own
		}
		one.Image.Size = one.Unique + one.Shared
		usage.Images = append(usage.Images, one)
	}
	return usage, nil
}

// imageUsers counts the containers of each image.
func (s *Store) imageUsers(ctx context.Context) (map[string]int, error) {
	users := map[string]int{}
	ours, err := s.Containers(ctx)
	if err != nil {
		return nil, err
	}
	for i := range ours {
		r := &ours[i].Record
		users[r.ImageID]++
		for _, image := range r.ImageMounts {
			users[image]++
		}
	}
	others, err := s.lib.Containers()
	if err != nil {
		return nil, errclass.New(classOf(err), s.root, fmt.Errorf("list containers of %s: %w", s.root, err))
	}
	for _, c := range others {
		if _, err := s.readContainer(c.ID); err != nil && c.ID != leaseID(c.ImageID) {
			users[c.ImageID]++
		}
	}
	return users, nil
}

// VolumeSize adds up the files in a volume, each once.
func (s *Store) VolumeSize(ctx context.Context, v Volume) (int64, error) {
	size, err := treeSize(ctx, v.Path)
	if err != nil {
		return 0, volumeError(v.Name, fmt.Errorf("size: %w", err))
	}
	return size, nil
}
