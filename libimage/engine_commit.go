// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"go.podman.io/storage"
	graphdriver "go.podman.io/storage/drivers"
	"golang.org/x/sys/unix"
)

// commit puts a staged layer into the store, where its parent is already.
//
// The store would put it also in the place of one that has come to be there
// meanwhile, under the feet of who uses that. So of our processes only one
// commits at a time, and looks before. (Another program, and the library where it is
// left to bring an image in, can come between the look and the commit; it then finds the same files in the place of its own, before anybody
// can have used those.)
func (e *engine) commit(l *layer) error {
	if err := e.settle(l); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(e.store.Root(), "tug", "commit.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("prepare the store: %w", err)
	}
	defer lock.Close()
	if err := flock(lock, unix.LOCK_EX); err != nil {
		return err
	}
	if _, err := e.lib.Layer(l.id); !errors.Is(err, storage.ErrLayerUnknown) {
		return err
	}
	_, err = e.lib.ApplyStagedLayer(storage.ApplyStagedLayerOptions{
		ID: l.id, ParentLayer: l.parent, DiffOutput: l.staged,
		DiffOptions: &graphdriver.ApplyDiffWithDifferOpts{},
	})
	if err != nil && !errors.Is(err, storage.ErrDuplicateID) {
		return fmt.Errorf("store layer %s: %w", l.blob, err)
	}
	return e.remove(l)
}

// remove removes what is left of a stage.
func (e *engine) remove(l *layer) error {
	if l.staged == nil || l.staged.Target == "" {
		return nil
	}
	err := e.lib.CleanupStagedLayer(l.staged)
	l.staged = nil
	return err
}

// settle gives a layer without an entry for its root the owner and the permissions
// that the root has in the layer below, and writes what is long to write before a
// lock is held.
func (e *engine) settle(l *layer) error {
	dir, err := os.OpenFile(l.staged.Target, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer dir.Close()
	if l.staged.RootDirMode == nil && l.parent != "" {
		below, err := e.target(l.parent)
		if err != nil {
			return fmt.Errorf("find layer %s: %w", l.parent, err)
		}
		info, err := os.Stat(below)
		if err != nil {
			return err
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			err = dir.Chown(int(st.Uid), int(st.Gid))
		}
		mode := info.Mode().Perm()
		if err := errors.Join(err, dir.Chmod(mode)); err != nil {
			return err
		}
		l.staged.RootDirMode = &mode // nothing is left to do
	}
	driver, err := e.lib.GraphDriver()
	if err != nil || driver.SyncMode() != graphdriver.SyncModeFilesystem {
		return err
	}
	if err := unix.Syncfs(int(dir.Fd())); err != nil {
		return fmt.Errorf("flush store %s: %w", e.store.Root(), err)
	}
	return nil
}

// target is where the files of a layer are, also of one in an additional image store.
func (e *engine) target(id string) (string, error) {
	driver, err := e.lib.GraphDriver()
	if err != nil {
		return "", err
	}
	differ, ok := driver.(graphdriver.DriverWithDiffer)
	if !ok {
		return "", fmt.Errorf("internal error: driver %s has no place for it", driver)
	}
	return differ.DifferTarget(id)
}
