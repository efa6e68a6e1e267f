// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
	"github.com/tug-containers/tug/internal/rootdir"
	"github.com/tug-containers/tug/libstorage/copyup"
	"github.com/tug-containers/tug/libstorage/rootfs"
	"golang.org/x/sys/unix"
)

// VolumeMount says where a volume is to be mounted.
type VolumeMount struct {
	// Root is the container's root file system, as it is mounted, and
	// Destination the place in it.
	Root, Destination string
	// NoCopy leaves the volume empty.
	NoCopy bool
	// Subpath is a directory or a file in the volume that is mounted instead of
	// the whole.
	Subpath string
}

// VolumeSource is what a volume is mounted from.
type VolumeSource struct {
	Path string
	// Chown: the volume is new and empty, and the container has nothing at its
	// place: it is to belong to the container's user.
	Chown bool
}

// MountVolume makes a volume that the container has ready to be mounted. One
// that nothing was copied into yet, and that is empty, gets a copy of what the
// container has at its place: all of it or, when that fails or is cut short,
// nothing. When several containers come at once, one copies and the others wait.
func (c *Container) MountVolume(ctx context.Context, name string, m VolumeMount) (VolumeSource, error) {
	v := c.store.readVolume(name)
	source := VolumeSource{Path: v.Path}
	if v.Err != nil || v.NeedsCopyUp || v.NeedsChown || v.HasFilesystem() || c.store.beingReplaced(name) {
		var err error
		if source, err = c.prepareVolume(ctx, name, m); err != nil {
			return VolumeSource{}, err
		}
	}
	if m.Subpath == "" {
		return source, nil
	}
	path, err := c.mountSubpath(source.Path, m.Subpath)
	if err != nil {
		return VolumeSource{}, errclass.New(classOf(err), name, fmt.Errorf("volume %s: subpath %s: %w", name, m.Subpath, err))
	}
	return VolumeSource{Path: path}, nil
}

func (c *Container) prepareVolume(ctx context.Context, name string, m VolumeMount) (source VolumeSource, err error) {
	v, err := c.store.lockVolume(ctx, name)
	if err != nil {
		return source, err
	}
	defer func() { err = errors.Join(err, v.unlock()) }()
	if v.Err != nil {
		return source, v.Err
	}
	source.Path = v.Path
	if v.HasFilesystem() {
		if err = v.mount(); err == nil {
			err = v.mark(mountedDir, c.ID())
		}
	} else {
		source.Chown, err = c.fill(ctx, v, m)
		if err == nil && v.NeedsCopyUp {
			err = v.mark(mountedDir, c.ID())
		}
	}
	if err != nil {
		err = volumeError(name, err)
	}
	return source, err
}

// fill gives a new volume its first content and its owner. It reports whether
// the container's user is to be that.
func (c *Container) fill(ctx context.Context, v *heldVolume, m VolumeMount) (bool, error) {
	if err := rootfs.RemoveTree(v.path(stageDir)); err != nil {
		return false, err
	}
	if empty, err := emptyDir(v.Path); err != nil {
		return false, err
	} else if !empty {
		return false, c.owned(v)
	}
	from, err := openPlace(m)
	if err != nil {
		return false, err
	}
	if from == nil {
		theirs := v.NeedsChown
		return theirs, c.owned(v)
	}
	defer from.Close()
	bare, err := emptyOpen(from)
	if err != nil {
		return false, err
	}
	if bare || m.NoCopy || v.noCopy() || v.mountedByOthers(c.ID()) {
		return false, c.adopt(v, from)
	}
	return false, c.copyUp(ctx, v, from)
}

// copyUp copies to a place beside, and moves that when all is there and on the
// disk.
func (c *Container) copyUp(ctx context.Context, v *heldVolume, from *os.File) error {
	staged := v.path(stageDir)
	err := mkdir(staged)
	if err == nil {
		err = c.stage(ctx, v, from, staged)
	}
	if err == nil {
		// This is refused when something is there meanwhile, and that stays.
		if err = unix.Rename(staged, v.Path); err == unix.ENOTEMPTY || err == unix.EEXIST {
			return rootfs.RemoveTree(staged)
		}
	}
	if err != nil {
		return errors.Join(fmt.Errorf("copy what the container has there: %w", err), rootfs.RemoveTree(staged))
	}
	durable := !c.transient(v)
	if durable {
		if err := ondisk.SyncDir(v.dir); err != nil {
			return err
		}
	}
	v.NeedsCopyUp, v.NeedsChown = false, false
	return v.write(durable)
}

func (c *Container) stage(ctx context.Context, v *heldVolume, from *os.File, staged string) (err error) {
	to, err := os.Open(staged)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	if err := copyup.Copy(ctx, from, to); err != nil {
		return err
	}
	if err := v.chown(staged); err != nil || c.transient(v) {
		return err
	}
	return unix.Syncfs(int(to.Fd()))
}

// transient tells whether the volume goes with a container that does not
// survive the boot.
func (c *Container) transient(v *heldVolume) bool {
	return c.record.Ephemeral && v.Owner == c.ID()
}

// adopt gives a new volume the owner and the mode of its place.
func (c *Container) adopt(v *heldVolume, from *os.File) error {
	if !v.NeedsChown {
		return nil
	}
	to, err := os.Open(v.Path)
	if err != nil {
		return err
	}
	defer to.Close()
	if err := copyup.Attributes(from, to); err != nil {
		return err
	}
	return c.owned(v)
}

// owned notes that the volume has its owner.
func (c *Container) owned(v *heldVolume) error {
	if !v.NeedsChown {
		return nil
	}
	v.NeedsChown = false
	return v.write(!c.transient(v))
}

// openPlace opens the directory that the container has at the place of a mount;
// nil when there is none.
func openPlace(m VolumeMount) (*os.File, error) {
	root, err := rootdir.Open(m.Root)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	dir, err := root.OpenDir(m.Destination)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, rootdir.ErrNotDirectory) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil
	}
	return dir, err
}

func emptyDir(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return emptyOpen(f)
}

// emptyOpen tells whether an open directory is empty, and rewinds it.
func emptyOpen(f *os.File) (bool, error) {
	_, err := f.Readdirnames(1)
	empty := errors.Is(err, io.EOF)
	if err != nil && !empty {
		return false, err
	}
	_, err = f.Seek(0, io.SeekStart)
	return empty, err
}

// mountSubpath binds what is at a path in a volume to a place that goes with the
// container. It is opened inside the volume and mounted as it was opened: other
// containers may rename what is on the way.
func (c *Container) mountSubpath(volume, subpath string) (string, error) {
	root, err := rootdir.Open(volume)
	if err != nil {
		return "", err
	}
	defer root.Close()
	handle, err := root.OpenPath(subpath)
	if err != nil {
		return "", err
	}
	defer handle.Close()
	return c.bind(handle)
}
