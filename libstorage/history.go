// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"slices"
	"time"
)

// HistoryEntry is one step in the making of an image.
type HistoryEntry struct {
	// Layer is the ID of the layer that the step made; empty for a step that
	// made none, or whose layer cannot be told.
	Layer string
	// Size is that of the layer, unpacked.
	Size      int64
	Created   *time.Time
	CreatedBy string
	Author    string
	Comment   string
	Empty     bool
}

// History gives the steps of an image, the newest first. The config that they
// come from is the image author's word: steps without a layer to match, and
// layers without a step, are listed all the same.
func (s *Store) History(ctx context.Context, id string) ([]HistoryEntry, error) {
	img, err := s.record(ctx, id)
	if err != nil {
		return nil, err
	}
	raw, err := s.rawConfig(img)
	if err != nil {
		return nil, err
	}
	cfg, err := decodeConfig(img.ID, raw)
	if err != nil {
		return nil, err
	}
	snap, err := s.snapshot()
	if err != nil {
		return nil, err
	}
	layers, err := snap.chain(img)
	if err != nil {
		return nil, err
	}
	entries := make([]HistoryEntry, 0, len(cfg.History))
	take := func(entry *HistoryEntry) error {
		layer := layers[0]
		layers = layers[1:]
		entry.Layer = layer.ID
		var err error
		if entry.Size, err = s.layerSize(layer); err != nil {
			return damaged(img.ID, "size of layer "+shortID(layer.ID), err)
		}
		return nil
	}
	for _, step := range slices.Backward(cfg.History) {
		entry := HistoryEntry{
			Created: step.Created, CreatedBy: step.CreatedBy, Author: step.Author, Comment: step.Comment, Empty: step.EmptyLayer,
		}
		if !step.EmptyLayer && len(layers) > 0 {
			if err := take(&entry); err != nil {
				return nil, err
			}
		}
		entries = append(entries, entry)
	}
	for len(layers) > 0 {
		var entry HistoryEntry
		if err := take(&entry); err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}
