// SPDX-License-Identifier: Apache-2.0

package rootfs

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/tug-containers/tug/internal/idmap"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/idtools"
	"go.podman.io/storage/types"
	"golang.org/x/sys/unix"
)

// LibraryOptions name the container that Library keeps in the store.
type LibraryOptions struct {
	// ID is that of the container in containers/storage, Name what tools show.
	ID, Name string
	// Image is what it starts from; empty for nothing.
	Image string
	// Volatile: need not survive a crash of the machine.
	Volatile bool
	// Label is what the mount is labelled with, for SELinux.
	Label string
	// IDs are those of the container's user namespace. Where the driver cannot map
	// them, the first container with a mapping waits for a copy of the image that
	// belongs to them, which the next ones share.
	IDs *idmap.Mapping
	// Target, when not empty, is where the root file system is seen too: whoever has
	// other ids cannot go through the store's directories.
	Target string
}

// Library is an FS by a container of containers/storage: its driver decides
// what is mounted where. Being a container of that store it keeps its image
// from being removed.
type Library struct {
	store storage.Store
	opts  LibraryOptions
	path  string
}

// NewLibrary describes a container in store. The first Mount makes it.
func NewLibrary(store storage.Store, opts LibraryOptions) *Library {
	return &Library{store: store, opts: opts}
}

// Driver is "library".
func (l *Library) Driver() string { return "library" }

// Upper is "": where changes are is the storage driver's secret.
func (l *Library) Upper() string { return "" }

// Create makes the container without mounting it. It is no error when it is
// there.
func (l *Library) Create() error {
	var names []string
	if l.opts.Name != "" {
		names = []string{l.opts.Name}
	}
	opts := &storage.ContainerOptions{Volatile: l.opts.Volatile}
	if ids := l.opts.IDs; !ids.IsZero() {
		opts.IDMappingOptions = types.IDMappingOptions{UIDMap: libraryMap(ids.UIDs), GIDMap: libraryMap(ids.GIDs)}
	}
	_, err := l.store.CreateContainer(l.opts.ID, names, l.opts.Image, "", "", opts)
	if err == nil || errors.Is(err, storage.ErrDuplicateID) && l.store.Exists(l.opts.ID) {
		return nil
	}
	return fmt.Errorf("create container %s in the store: %w", l.opts.ID, err)
}

// Mount makes the container if it is not there, and mounts it.
func (l *Library) Mount(ctx context.Context) (string, error) {
	if l.path != "" {
		return l.path, nil
	}
	if err := context.Cause(ctx); err != nil {
		return "", err
	}
	path, err := l.store.Mount(l.opts.ID, l.opts.Label)
	if unknown(err) {
		if err = l.Create(); err == nil {
			path, err = l.store.Mount(l.opts.ID, l.opts.Label)
		}
	}
	if err != nil {
		return "", fmt.Errorf("mount container %s: %w", l.opts.ID, err)
	}
	if l.opts.Target != "" {
		if path, err = l.bind(path); err != nil {
			return "", errors.Join(err, l.Unmount())
		}
	}
	l.path = path
	return path, nil
}

// Unmount unmounts the container, however often it was mounted.
func (l *Library) Unmount() error {
	l.path = ""
	if l.opts.Target != "" {
		err := Unmount(l.opts.Target)
		if _, busy := Busy(err); err != nil && !busy {
			return err
		}
	}
	_, err := l.store.Unmount(l.opts.ID, true)
	if err == nil || unknown(err) || errors.Is(err, storage.ErrLayerNotMounted) {
		return nil
	}
	return fmt.Errorf("unmount container %s: %w", l.opts.ID, err)
}

// Remove deletes the container.
func (l *Library) Remove() error {
	if err := l.Unmount(); err != nil {
		return err
	}
	if err := l.store.DeleteContainer(l.opts.ID); err != nil && !unknown(err) {
		return fmt.Errorf("delete container %s: %w", l.opts.ID, err)
	}
	return nil
}

// bind makes what is mounted by the library visible at the target.
func (l *Library) bind(path string) (string, error) {
	target := l.opts.Target
	if err := makeDirectory(target); err != nil {
		return "", err
	}
	if Mounted(target) {
		return target, nil
	}
	if err := unix.Mount(path, target, "", unix.MS_BIND, ""); err != nil {
		return "", &os.PathError{Op: "mount", Path: target, Err: err}
	}
	return target, nil
}

// libraryMap says ranges as the library does.
func libraryMap(ranges []idmap.Range) []idtools.IDMap {
	list := make([]idtools.IDMap, len(ranges))
	for i, r := range ranges {
		list[i] = idtools.IDMap{ContainerID: int(r.Container), HostID: int(r.Host), Size: int(r.Size)}
	}
	return list
}

func unknown(err error) bool {
	return errors.Is(err, storage.ErrContainerUnknown) || errors.Is(err, storage.ErrNotAContainer) || errors.Is(err, storage.ErrLayerUnknown)
}
