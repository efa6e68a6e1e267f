// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tug-containers/tug/libstorage/rootfs"
	"golang.org/x/sys/unix"
)

// Foreign names the containers of other programs (podman, buildah) in the store.
func (s *Store) Foreign() (names []string, err error) {
	defer caught(s.root, &err)
	all, err := s.lib.Containers()
	for _, c := range all {
		if slices.ContainsFunc(c.Names, func(name string) bool { return strings.HasPrefix(name, "tug-lease-") }) {
			continue
		}
		names = append(names, strings.Join(append(slices.Clone(c.Names), shortID(c.ID)), ","))
	}
	return names, err
}

// Reset removes all images and layers, containers of other programs, and then
// every file of the store. The caller has removed our own containers, volumes and
// networks, and closes the store next: nothing else can be done with it. Killed
// half-way, it is done again.
//
// Of the two directories what the library and this package have made is removed,
// and they themselves when that was all. No link is followed, and no mount gone
// into: one that is left is an error.
func (s *Store) Reset(ctx context.Context) (err error) {
	defer caught(s.root, &err)
	if err := s.writable(); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	driver := s.Driver()
	if err := s.lib.Wipe(); err != nil {
		return fmt.Errorf("remove images and layers: %w", err)
	}
	// It unmounts what it has mounted, the driver's directory among it.
	if _, err := s.lib.Shutdown(true); err != nil {
		return fmt.Errorf("shut the storage driver down: %w", err)
	}
	var errs []error
	for _, dir := range []string{s.runRoot, s.root} {
		for _, name := range storeFiles(driver) {
			if err := rootfs.RemoveTree(filepath.Join(dir, name)); err != nil {
				errs = append(errs, err)
			}
		}
		if err := os.Remove(dir); err != nil && !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EBUSY) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// storeFiles are what a store consists of, ours last: a reset that was cut short
// is found by it.
func storeFiles(driver string) []string {
	return []string{
		driver, driver + "-images", driver + "-layers", driver + "-containers", driver + "-locks",
		"storage.lock", "userns.lock", "tug",
	}
}
