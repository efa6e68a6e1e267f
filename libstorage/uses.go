// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
)

func leaseContainer(id string) string { return "tug-lease-" + shortID(id) }

// endLease is replaced by the lease's own code.
func (s *Store) endLease(_ context.Context, _ string, free bool, remove func() error) ([]User, error) {
	if !free {
		return nil, nil
	}
	return nil, remove()
}
