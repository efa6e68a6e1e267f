// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"path/filepath"
)

// Records are the records of a store's containers, to look at. Every Store has
// them; OpenRecords gives them alone, to a command that needs no image, in a
// third of the time. They take no lock, and there is nothing to close.
type Records struct {
	root    string
	runRoot string
}

// OpenRecords finds the records in the store that opts name. A store that is not
// there has none.
func OpenRecords(ctx context.Context, opts Options) (*Records, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	so, err := opts.resolve()
	if err != nil {
		return nil, err
	}
	var r Records
	if r.root, err = filepath.Abs(so.GraphRoot); err == nil {
		r.runRoot, err = filepath.Abs(so.RunRoot)
	}
	return &r, err
}

// Root is the graph root: images, layers and what of a container is to last.
func (s *Records) Root() string { return s.root }

// RunRoot holds what lives no longer than the boot.
func (s *Records) RunRoot() string { return s.runRoot }
