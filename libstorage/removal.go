// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"go.podman.io/storage"
	"go.podman.io/storage/pkg/lockfile"

	"github.com/tug-containers/tug/internal/ondisk"
)

// The library deletes an image's record first and marks its layers after: who
// is killed between the two leaves layers that belong to nobody. So a removal
// leaves a note, ROOT/tug/removing/IMAGE, a link whose target is the image's
// top layer; the next removal does what a note says that was not taken away.
// A note is a help: a full disk may have no room for it.

func (s *Store) noteRemoval(imageID, topLayer string) {
	if !leasable(imageID) {
		return
	}
	if topLayer == "" {
		topLayer = "none"
	}
	dir := s.tug("removing")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return
	}
	_ = os.Symlink(topLayer, filepath.Join(dir, imageID))
}

func (s *Store) forgetRemoval(imageID string) {
	if leasable(imageID) {
		_ = os.Remove(filepath.Join(s.tug("removing"), imageID))
	}
}

// finishRemovals does what killed removals had left to do. Who removes the
// same image at this moment holds the lock of its lease, and ends it first.
func (s *Store) finishRemovals(ctx context.Context) {
	images, err := ondisk.Names(s.tug("removing"))
	if err != nil {
		return
	}
	for _, image := range images {
		if ctx.Err() != nil {
			return
		}
		_, err := s.endLease(ctx, image, true, func() error {
			s.finishRemoval(image)
			return nil
		})
		if err == nil {
			s.forgetRemoval(image)
		}
	}
}

func (s *Store) finishRemoval(image string) {
	layer, err := os.Readlink(filepath.Join(s.tug("removing"), image))
	if err != nil {
		return
	}
	if _, err := s.lib.Image(image); errors.Is(err, storage.ErrImageUnknown) {
		s.deleteUnused(layer)
		s.deleteItems(image)
	}
}

// deleteItems deletes the files kept with an image that has no record. It
// looks with the list locked: a pull of that image may just be making one.
func (s *Store) deleteItems(image string) {
	list := recordPath(s.root, s.Driver(), "images")
	lock, err := lockfile.GetLockFile(strings.TrimSuffix(list, ".json") + ".lock")
	if err != nil {
		return
	}
	lock.Lock()
	defer lock.Unlock()
	data, err := os.ReadFile(list)
	if err == nil && isID(image) && !bytes.Contains(data, []byte(image)) {
		_ = os.RemoveAll(filepath.Join(filepath.Dir(list), image))
	}
}

// deleteUnused deletes a layer and those below it, up to one that something
// needs, which is for the library to say.
func (s *Store) deleteUnused(id string) {
	for id != "" {
		layer, err := s.lib.Layer(id)
		if err != nil {
			return
		}
		if err := s.roomy(func() error { return s.lib.DeleteLayer(id) }); err != nil {
			return
		}
		id = layer.Parent
	}
}
