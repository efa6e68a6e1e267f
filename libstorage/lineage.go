// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"reflect"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/storage"
)

// Lineage says which images were made from which, at the moment it was asked
// for. Nobody records that: like podman it takes an image for the parent of
// another when its layers are the lower ones of the other, and its history is
// the beginning of the other's. An image that cannot be read has no relatives.
type Lineage struct {
	s       *Store
	snap    *snapshot
	images  map[string]*storage.Image
	on      map[string][]*storage.Image // by layer: the images whose top one it is
	above   map[string][]*storage.Image // by layer: all images that have it
	configs map[string]*v1.Image
}

// Lineage looks at all images. Configs are read when they are needed.
func (s *Store) Lineage(ctx context.Context) (*Lineage, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	snap, err := s.snapshot()
	if err != nil {
		return nil, err
	}
	l := &Lineage{
		s: s, snap: snap, images: make(map[string]*storage.Image, len(snap.images)),
		on: map[string][]*storage.Image{}, above: map[string][]*storage.Image{}, configs: map[string]*v1.Image{},
	}
	for i := range snap.images {
		img := &snap.images[i]
		l.images[img.ID] = img
		l.on[img.TopLayer] = append(l.on[img.TopLayer], img)
		for _, layer := range l.layers(img) {
			l.above[layer] = append(l.above[layer], img)
		}
	}
	return l, nil
}

// Parent gives the ID of the image that an image was made from, or "".
func (l *Lineage) Parent(id string) string {
	if img := l.images[id]; img != nil {
		if parent := l.parent(img, nil); parent != nil {
			return parent.ID
		}
	}
	return ""
}

// Intermediate tells whether an image has no name, and another one was made
// from it.
func (l *Lineage) Intermediate(id string) bool {
	img := l.images[id]
	return img != nil && len(img.Names) == 0 && l.hasChild(img, nil)
}

// orphans lists what becomes useless when an image goes: the nameless images
// it was made from, the nearest first, up to one that has a name, that another
// image was made from, or that is not ours to delete.
func (l *Lineage) orphans(id string) []string {
	gone := map[string]bool{id: true}
	var orphans []string
	for img := l.images[id]; img != nil; {
		parent := l.parent(img, gone)
		if parent == nil || len(parent.Names) > 0 || parent.ReadOnly || l.hasChild(parent, gone) {
			break
		}
		orphans = append(orphans, parent.ID)
		gone[parent.ID] = true
		img = parent
	}
	return orphans
}

// parent finds the image with the longest history that child continues.
func (l *Lineage) parent(child *storage.Image, gone map[string]bool) *storage.Image {
	var best *storage.Image
	for _, layer := range l.layers(child) {
		for _, img := range l.on[layer] {
			if !gone[img.ID] && l.continues(child, img) && (best == nil || l.steps(img) > l.steps(best)) {
				best = img
			}
		}
	}
	return best
}

// hasChild tells whether an image that stays was made from parent.
func (l *Lineage) hasChild(parent *storage.Image, gone map[string]bool) bool {
	for _, img := range l.above[parent.TopLayer] {
		if !gone[img.ID] && l.continues(img, parent) {
			return true
		}
	}
	return false
}

// continues compares histories; that the layers fit is known.
func (l *Lineage) continues(child, parent *storage.Image) bool {
	if child.ID == parent.ID {
		return false
	}
	c, p := l.config(child), l.config(parent)
	if c == nil || p == nil || len(p.History) == 0 || len(p.History) >= len(c.History) {
		return false
	}
	return reflect.DeepEqual(c.History[:len(p.History)], p.History)
}

// layers gives an image's layers from the top, and for one that has none the
// empty name, so that such images have relatives too.
func (l *Lineage) layers(img *storage.Image) []string {
	chain, err := l.snap.chain(img)
	if err != nil {
		return nil
	}
	ids := make([]string, 0, len(chain)+1)
	for _, layer := range chain {
		ids = append(ids, layer.ID)
	}
	return slices.Compact(append(ids, ""))
}

func (l *Lineage) steps(img *storage.Image) int { return len(l.config(img).History) }

// config reads each config once; nil when it cannot be read.
func (l *Lineage) config(img *storage.Image) *v1.Image {
	if cfg, ok := l.configs[img.ID]; ok {
		return cfg
	}
	var cfg *v1.Image
	if raw, err := l.s.rawConfig(img); err == nil {
		cfg, _ = decodeConfig(img.ID, raw)
	}
	l.configs[img.ID] = cfg
	return cfg
}
