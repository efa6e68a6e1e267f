// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tug-containers/tug/internal/errclass"
	"go.podman.io/storage"
)

// Images lists all images, those of additional stores after those of the
// store itself. A damaged image is an entry with Err, and hides no other.
func (s *Store) Images(ctx context.Context) ([]Image, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	snap, err := s.snapshot()
	if err != nil {
		return nil, err
	}
	list := make([]Image, 0, len(snap.images))
	for i := range snap.images {
		record := &snap.images[i]
		img := imageOf(record)
		img.Size, img.Err = snap.size(s, record)
		if img.Err == nil {
			img.Err = s.checkItems(record)
		}
		list = append(list, img)
	}
	return list, nil
}

// snapshot is the images and layers of one moment.
type snapshot struct {
	images []storage.Image
	layers map[string]*storage.Layer
}

func (s *Store) snapshot() (_ *snapshot, err error) {
	defer caught(s.root, &err)
	list, err := s.lib.MultiList(storage.MultiListOptions{Images: true, Layers: true})
	if err != nil {
		return nil, errclass.New(classOf(err), s.root, fmt.Errorf("list images of %s: %w", s.root, err))
	}
	snap := &snapshot{images: distinct(list.Images), layers: make(map[string]*storage.Layer, len(list.Layers))}
	for i := range list.Layers {
		layer := &list.Layers[i]
		if _, ok := snap.layers[layer.ID]; !ok {
			snap.layers[layer.ID] = layer
		}
	}
	return snap, nil
}

// chain gives an image's layers, the top one first.
func (snap *snapshot) chain(img *storage.Image) ([]*storage.Layer, error) {
	var chain []*storage.Layer
	for id := img.TopLayer; id != ""; {
		layer, ok := snap.layers[id]
		if !ok {
			return chain, damaged(img.ID, "layer "+shortID(id), storage.ErrLayerUnknown)
		}
		if len(chain) > len(snap.layers) {
			return chain, damaged(img.ID, "layer "+shortID(id), errors.New("it is its own ancestor"))
		}
		chain = append(chain, layer)
		id = layer.Parent
	}
	return chain, nil
}

// size adds up what the layers hold when unpacked, and what is stored beside
// them; -1 when that cannot be known.
func (snap *snapshot) size(s *Store, img *storage.Image) (int64, error) {
	chain, err := snap.chain(img)
	if err != nil {
		return -1, err
	}
	var size int64
	for _, layer := range chain {
		n, err := s.layerSize(layer)
		if err != nil {
			return -1, damaged(img.ID, "size of layer "+shortID(layer.ID), err)
		}
		size += n
	}
	for _, n := range img.BigDataSizes {
		size += n
	}
	return size, nil
}

func (s *Store) layerSize(layer *storage.Layer) (int64, error) {
	if layer.UncompressedDigest != "" && layer.UncompressedSize >= 0 {
		return layer.UncompressedSize, nil
	}
	return s.lib.DiffSize("", layer.ID)
}

// checkItems looks whether the files kept with an image are there and have
// the recorded size, which after a power cut they may not. It reads none. Of
// an additional store it takes the record's word.
func (s *Store) checkItems(img *storage.Image) error {
	if img.ReadOnly {
		return nil
	}
	dir := s.itemDir(img.ID)
	if !hasItem(img, manifestItem) {
		return damaged(img.ID, "look for its manifest", storage.ErrImageUnknown)
	}
	for key, want := range img.BigDataSizes {
		info, err := os.Stat(filepath.Join(dir, itemFile(key)))
		if err != nil {
			return damaged(img.ID, "look for "+key, err)
		}
		if info.Size() != want {
			return damaged(img.ID, "look at "+key, fmt.Errorf("it has %d bytes, not %d", info.Size(), want))
		}
	}
	return nil
}

// itemDir is where the files kept with an image of the store itself are.
func (s *Store) itemDir(id string) string {
	dir := filepath.Join(s.lib.GraphRoot(), s.Driver()+"-images", id)
	if store := s.lib.ImageStore(); store != "" {
		other := filepath.Join(store, s.Driver()+"-images", id)
		if _, err := os.Stat(other); err == nil {
			return other
		}
	}
	return dir
}
