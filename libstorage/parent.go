// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"reflect"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/storage"
)

// namelessParents lists the images that an image was made from, the nearest
// first, up to one that has a name, is in use by another image, or is not
// ours to delete. Like podman it takes an image for a parent when its layers
// are the lower ones of the other, and its history is the beginning of the
// other's. It is called before the image goes; whatever cannot be read is no
// parent.
func (s *Store) namelessParents(id string) []string {
	snap, err := s.snapshot()
	if err != nil {
		return nil
	}
	byID := make(map[string]*storage.Image, len(snap.images))
	nameless := false
	for i := range snap.images {
		img := &snap.images[i]
		byID[img.ID] = img
		nameless = nameless || (len(img.Names) == 0 && img.ID != id)
	}
	child := byID[id]
	if !nameless || child == nil {
		return nil
	}
	family := family{s: s, snap: snap, configs: map[string]*v1.Image{}}
	gone := map[string]bool{id: true}
	var parents []string
	for {
		parent := family.parent(child, gone)
		if parent == nil || len(parent.Names) > 0 || parent.ReadOnly || family.hasChild(parent, gone) {
			return parents
		}
		parents = append(parents, parent.ID)
		gone[parent.ID] = true
		child = parent
	}
}

type family struct {
	s       *Store
	snap    *snapshot
	configs map[string]*v1.Image
}

// parent finds the image with the longest history that child continues.
func (f family) parent(child *storage.Image, gone map[string]bool) *storage.Image {
	var best *storage.Image
	for i := range f.snap.images {
		img := &f.snap.images[i]
		if !gone[img.ID] && f.continues(child, img) &&
			(best == nil || len(f.config(img).History) > len(f.config(best).History)) {
			best = img
		}
	}
	return best
}

// hasChild tells whether an image that stays was made from parent.
func (f family) hasChild(parent *storage.Image, gone map[string]bool) bool {
	for i := range f.snap.images {
		img := &f.snap.images[i]
		if !gone[img.ID] && img.ID != parent.ID && f.continues(img, parent) {
			return true
		}
	}
	return false
}

func (f family) continues(child, parent *storage.Image) bool {
	if child.ID == parent.ID || !f.above(child, parent) {
		return false
	}
	c, p := f.config(child), f.config(parent)
	if c == nil || p == nil || len(p.History) >= len(c.History) {
		return false
	}
	return reflect.DeepEqual(c.History[:len(p.History)], p.History)
}

// above tells whether parent's top layer is one of child's.
func (f family) above(child, parent *storage.Image) bool {
	if parent.TopLayer == "" {
		return child.TopLayer == ""
	}
	chain, err := f.snap.chain(child)
	if err != nil {
		return false
	}
	for _, layer := range chain {
		if layer.ID == parent.TopLayer {
			return true
		}
	}
	return false
}

// config reads each config once; nil when it cannot be read.
func (f family) config(img *storage.Image) *v1.Image {
	if cfg, ok := f.configs[img.ID]; ok {
		return cfg
	}
	var cfg *v1.Image
	if raw, err := f.s.rawConfig(img); err == nil {
		cfg, _ = decodeConfig(img.ID, raw)
	}
	f.configs[img.ID] = cfg
	return cfg
}
