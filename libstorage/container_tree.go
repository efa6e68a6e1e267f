// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/tug-containers/tug/internal/errclass"
)

// WithRootfs calls use with the directory of a container's root file system:
// that of a running one as it is, else mounted for the time of the call.
func (s *Store) WithRootfs(ctx context.Context, name string, use func(info ContainerInfo, dir string) error) (err error) {
	info, err := s.Container(ctx, name)
	if err == nil {
		err = info.Err
	}
	if err != nil {
		return err
	}
	if info.Record.State() == Running {
		dir := info.Record.Rootfs
		if info.Record.Driver != "directory" {
			dir = filepath.Join(info.RunDir, mergedDir)
		}
		if info.Record.Driver == "library" {
			return containerError(errclass.Unsupported, name, errors.New("it is running, and the storage driver does not say where"))
		}
		return use(info, dir)
	}
	c, err := s.OpenContainer(ctx, info.Record.ID)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	dir, err := c.Rootfs().Mount(ctx)
	if err != nil {
		return containerError(classOf(err), name, fmt.Errorf("mount its root file system: %w", err))
	}
	return errors.Join(use(info, dir), c.Cleanup())
}

// UpperDir is the directory with what a container has changed; it is empty when
// its root file system is no overlay of ours.
func (info *ContainerInfo) UpperDir() string {
	if info.Record.Driver != "overlay" {
		return ""
	}
	return filepath.Join(info.Dir, upperDir)
}
