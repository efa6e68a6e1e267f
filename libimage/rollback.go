// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/tug-containers/tug/libstorage"
	"go.podman.io/storage"
	"golang.org/x/sys/unix"
)

// rollback takes back the layers that a failed pull has put into the store. A
// layer is visible as soon as it is unpacked, before its image is.
//
// Two pulls may be making the same layers, and one may fail. So each pull
// holds a lock that it shares with others, and only one that is alone takes
// back; what stays then is taken by the next pull of that image.
type rollback struct {
	store *libstorage.Store
	lock  *os.File
	had   map[string]bool
}

func newRollback(store *libstorage.Store) (*rollback, error) {
	lock, err := store.LockPulls()
	if err != nil {
		return nil, err
	}
	layers, err := store.Library().Layers()
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	had := map[string]bool{}
	for _, layer := range layers {
		had[layer.ID] = true
	}
	return &rollback{store: store, lock: lock, had: had}, nil
}

// keep ends it: the pull succeeded, and is made to last. The storage library
// flushes layers, and the files of records; that a record file was renamed
// into place is on the disk only now.
func (r *rollback) keep() error {
	err := unix.Syncfs(int(r.lock.Fd()))
	if err != nil {
		err = fmt.Errorf("flush store %s: %w", r.store.Root(), err)
	}
	return errors.Join(err, r.lock.Close())
}

// undo deletes what is new and belongs to no image, no container and no other
// layer.
func (r *rollback) undo() error {
	defer r.lock.Close()
	if err := unix.Flock(int(r.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil // another pull may need them
	}
	for {
		free, err := r.free()
		if err != nil || len(free) == 0 {
			return err
		}
		for _, id := range free {
			err := r.store.Library().DeleteLayer(id)
			if err != nil && !errors.Is(err, storage.ErrLayerUnknown) && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("take back layer %s: %w", id, err)
			}
		}
	}
}

// free lists the new layers on which nothing stands.
func (r *rollback) free() ([]string, error) {
	lib := r.store.Library()
	layers, err := lib.Layers()
	if err != nil {
		return nil, err
	}
	images, err := lib.Images()
	if err != nil {
		return nil, err
	}
	containers, err := lib.Containers()
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for i := range layers {
		used[layers[i].Parent] = true
	}
	for i := range images {
		used[images[i].TopLayer] = true
		for _, id := range images[i].MappedTopLayers {
			used[id] = true
		}
	}
	for i := range containers {
		used[containers[i].LayerID] = true
	}
	var free []string
	for i := range layers {
		if l := &layers[i]; !used[l.ID] && !r.had[l.ID] && !l.ReadOnly {
			free = append(free, l.ID)
		}
	}
	return free, nil
}
