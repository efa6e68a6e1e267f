// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tug-containers/tug/internal/ondisk"
	"go.podman.io/storage"
)

// take waits until no other process is bringing in the same layer: several that
// want one fetch it once. When the other has succeeded the layer is there; when it
// was killed, its lock is free.
//
// A process has the lock of a layer until those below it are committed, and these
// have names of their own: so nobody waits in a circle.
func (e *engine) take(ctx context.Context, l *layer) (there bool, err error) {
	dir := filepath.Join(e.store.Root(), "tug", "pulling")
	for {
		if err := errors.Join(context.Cause(ctx), os.MkdirAll(dir, 0o700)); err != nil {
			return false, err
		}
		l.claim, err = ondisk.Lock(ctx, filepath.Join(dir, l.id), 0o600)
		if !errors.Is(err, fs.ErrNotExist) { // the other one has just let go
			break
		}
	}
	if err != nil {
		return false, err
	}
	if _, err := e.lib.Layer(l.id); !errors.Is(err, storage.ErrLayerUnknown) {
		e.events.begin(Event{Kind: EventSkipped, Digest: l.blob, Size: l.size})
		return err == nil, err
	}
	return false, nil
}

// release lets others have the layer.
func (e *engine) release(l *layer) error {
	if l.claim == nil {
		return nil
	}
	err := errors.Join(ondisk.Remove(l.claim.Name()), l.claim.Close())
	l.claim = nil
	return err
}
