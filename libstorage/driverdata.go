// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
)

// DriverData says where the storage driver keeps an image's top layer, in the
// driver's own words: for overlay LowerDir, UpperDir and WorkDir. An image
// without layers has none.
func (s *Store) DriverData(ctx context.Context, id string) (data map[string]string, err error) {
	defer caught(id, &err)
	img, err := s.record(ctx, id)
	if err != nil || img.TopLayer == "" {
		return nil, err
	}
	if _, err := s.lib.Layer(img.TopLayer); err != nil {
		return nil, damaged(img.ID, "layer "+shortID(img.TopLayer), err)
	}
	var driver interface {
		Metadata(layer string) (map[string]string, error)
	}
	if driver, err = s.lib.GraphDriver(); err != nil {
		return nil, lookupError(id, err)
	}
	if data, err = driver.Metadata(img.TopLayer); err != nil {
		return nil, damaged(img.ID, "layer "+shortID(img.TopLayer), err)
	}
	// It is not mounted: nothing of an image is.
	delete(data, "MergedDir")
	return data, nil
}
