// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"encoding/base64"
)

// Size is what an image takes when nothing is shared: its layers unpacked,
// and the files kept with them.
func (s *Store) Size(ctx context.Context, id string) (int64, error) {
	img, err := s.record(ctx, id)
	if err != nil {
		return -1, err
	}
	snap, err := s.snapshot()
	if err != nil {
		return -1, err
	}
	return snap.size(s, img)
}

// itemFile is the name of the file that the store keeps an item in.
func itemFile(key string) string {
	for i := range max(len(key)-1, 0) {
		if c := key[i]; c != '.' && !alphanumeric(c) {
			return "=" + base64.StdEncoding.EncodeToString([]byte(key))
		}
	}
	return key
}
