// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage/rootfs"
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
		return useLive(info, use)
	}
	c, err := s.OpenContainer(ctx, info.Record.ID)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	// It may have been started meanwhile, or its monitor is about to start it
	// again: then what is mounted is not ours to clean up.
	if now := c.info(); alive(now) {
		return useLive(now, use)
	}
	dir, err := c.Rootfs().Mount(ctx)
	if err != nil {
		return containerError(classOf(err), name, fmt.Errorf("mount its root file system: %w", err))
	}
	return errors.Join(use(info, dir), c.Cleanup())
}

// useLive is WithRootfs for a container with a process, or a monitor.
func useLive(info ContainerInfo, use func(info ContainerInfo, dir string) error) error {
	dir := info.mountedRoot()
	if dir == "" {
		return containerError(errclass.Unsupported, info.Record.ID, errNowhere)
	}
	return use(info, dir)
}

// errNowhere: what the container sees of its root file system is not ours to see.
var errNowhere = errors.New("it is running, and its root file system cannot be seen from here")

// mountedRoot is where a container with a process, or a monitor, has its root file
// system; "" where that is not known.
func (info *ContainerInfo) mountedRoot() string {
	switch info.Record.Driver {
	case "directory":
		return info.Record.Rootfs
	case "library":
		if info.Record.IDs.IsZero() {
			return ""
		}
	}
	path := filepath.Join(info.RunDir, mergedDir)
	if !rootfs.Mounted(path) {
		return "" // a user's mounts go with the monitor, when that is killed
	}
	return path
}

// info is what can be seen of a container whose lock we hold.
func (c *Container) info() ContainerInfo {
	return ContainerInfo{Record: c.record, Dir: c.dir, RunDir: c.runDir}
}

// UpperDir is the directory with what a container has changed; it is empty when
// its root file system is no overlay of ours.
func (info *ContainerInfo) UpperDir() string {
	if info.Record.Driver != "overlay" {
		return ""
	}
	return filepath.Join(info.Dir, upperDir)
}

// ContainerTree gives the directories that make the root file system of a
// container, the uppermost first: what it changed, and the layers of its image.
// It has none when its root file system is no overlay of ours.
func (s *Store) ContainerTree(info ContainerInfo) []string {
	if info.UpperDir() == "" {
		return nil
	}
	return append([]string{info.UpperDir()}, s.absolute(info.Record.Layers)...)
}

// WithImageTree calls use with the directories that make the root file system of
// an image, the uppermost first. Where the storage driver has none it is mounted
// for the time of the call.
func (s *Store) WithImageTree(ctx context.Context, imageID string, use func(dirs []string) error) error {
	if s.Driver() == "overlay" {
		layers, err := s.LayerDirs(ctx, imageID)
		if err != nil {
			return err
		}
		return use(s.absolute(layers))
	}
	dir, err := s.lib.MountImage(imageID, []string{"ro"}, "")
	if err != nil {
		return errclass.New(classOf(err), imageID, fmt.Errorf("mount image %s: %w", shortID(imageID), err))
	}
	err = use([]string{dir})
	_, uerr := s.lib.UnmountImage(imageID, false)
	return errors.Join(err, uerr)
}

func (s *Store) absolute(layers []string) []string {
	dirs := make([]string, len(layers))
	for i, l := range layers {
		if dirs[i] = l; !filepath.IsAbs(l) {
			dirs[i] = filepath.Join(s.root, l)
		}
	}
	return dirs
}
