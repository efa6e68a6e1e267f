// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/idmap"
	"github.com/tug-containers/tug/internal/ondisk"
	"github.com/tug-containers/tug/libstorage/rootfs"
)

// newRootfs makes the root file system that the record speaks of.
func (c *Container) newRootfs() rootfs.FS {
	r, s := &c.record, c.store
	switch r.Driver {
	case "directory":
		return rootfs.Directory(r.Rootfs)
	case "library":
		target := ""
		if !r.IDs.IsZero() {
			target = filepath.Join(c.runDir, mergedDir)
		}
		return rootfs.NewLibrary(s.lib, rootfs.LibraryOptions{
			Target: target, ID: r.ID, Name: "tug-" + shortID(r.ID), Image: r.ImageID, Volatile: r.Ephemeral, IDs: r.IDs,
		})
	}
	return rootfs.NewOverlay(rootfs.OverlayOptions{
		Base: s.root, Lower: r.Layers,
		Upper: filepath.Join(c.dir, upperDir), Work: filepath.Join(c.dir, workDir),
		Target: filepath.Join(c.runDir, mergedDir), Volatile: r.Ephemeral, Options: s.mountOptions(),
		// Who has the lock finds what HoldRootfs, or a killed command, left mounted.
		Reuse: !r.Ephemeral, IDs: r.IDs,
	})
}

// rootfsDriver is "overlay" where the store's driver is overlay by the kernel.
func (s *Store) rootfsDriver() string {
	if s.Driver() != "overlay" {
		return "library"
	}
	for _, opt := range s.lib.GraphOptions() {
		key, value, _ := strings.Cut(opt, "=")
		if strings.HasSuffix(key, "mount_program") && value != "" || strings.HasSuffix(key, "use_composefs") && value == "true" {
			return "library"
		}
	}
	return "overlay"
}

// mountOptions are those that storage.conf gives to overlays, and what they need
// in a user namespace: there, what an overlay notes stands in attributes that the
// user may write.
func (s *Store) mountOptions() []string {
	return append(s.configuredOptions(), s.namespaceOptions...)
}

func namespaceOptions() []string {
	if ids, err := idmap.Own(); err == nil && !ids.IsZero() {
		return []string{"userxattr"}
	}
	return nil
}

func (s *Store) configuredOptions() []string {
	for _, opt := range s.lib.GraphOptions() {
		key, value, _ := strings.Cut(opt, "=")
		if key == "overlay.mountopt" || key == ".mountopt" || key == "mountopt" || key == "overlay2.mountopt" {
			return strings.FieldsFunc(value, func(r rune) bool { return r == ',' })
		}
	}
	return nil
}

// MakeRunDir makes the run directory of a container that is started again: it is
// gone after Cleanup, and after a restart of the host. Where it cannot be made
// where it was, because the session is over that had that run root, it is in ours
// from now on.
func (c *Container) MakeRunDir() error {
	err := mkdir(c.runDir)
	if own := c.store.newRunDir(c.ID()); err != nil && !errors.Is(err, fs.ErrExist) && own != c.runDir {
		if err = c.lock.sign(c.ID(), own); err == nil {
			c.runDir = own
			c.fs = c.newRootfs()
			err = mkdir(own)
		}
	}
	if err == nil || errors.Is(err, fs.ErrExist) {
		err = c.openRunDir()
	}
	if err != nil {
		return containerError(classOf(err), c.ID(), err)
	}
	return nil
}

// mayOverride tells that the container's root passes a directory whatever its mode
// is: its owner and group are of his namespace.
func (c *Container) mayOverride(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && idmap.HasHost(c.record.IDs.UIDs, st.Uid) && idmap.HasHost(c.record.IDs.GIDs, st.Gid)
}

// openRunDir lets the root of a container with other ids find its root file system:
// the runtime sets that up as him. Its run directory is for his group to pass, and
// those above, in which all names are unguessable, for everybody.
func (c *Container) openRunDir() error {
	if c.record.IDs.Identity() {
		return nil
	}
	_, gid := c.record.IDs.Root()
	if err := os.Chown(c.runDir, -1, int(gid)); err != nil {
		return err
	}
	if err := os.Chmod(c.runDir, 0o710); err != nil {
		return err
	}
	for dir := filepath.Dir(c.runDir); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		// A user's run directory without a session is made for us too.
		ours := dir == c.store.runRoot || strings.HasPrefix(dir, c.store.runRoot+"/") || strings.HasPrefix(filepath.Base(dir), "tug-run-") && ownedByUs(info)
		switch {
		case info.Mode()&1 != 0 || c.mayOverride(info):
		case ours:
			if err := os.Chmod(dir, info.Mode().Perm()|0o111); err != nil {
				return err
			}
		default:
			return unsupported(dir, fmt.Errorf("the root of a user namespace cannot pass %s: chmod o+x %s, or choose another --runroot", dir, dir))
		}
		if dir == "/" {
			return nil
		}
	}
}

// MountImage makes an image readable at a directory that goes with the
// container: RunDir()/mounts/N. The image cannot be removed until then.
func (c *Container) MountImage(ctx context.Context, imageID string) (string, error) {
	if !slices.Contains(c.record.ImageMounts, imageID) { // by a former start
		if err := c.Update(func(r *Record) {
			r.ImageMounts = append(r.ImageMounts[:len(r.ImageMounts):len(r.ImageMounts)], imageID)
		}); err != nil {
			return "", err
		}
		if err := c.store.AcquireLease(ctx, imageID, c.dir, !c.record.Ephemeral); err != nil {
			return "", err
		}
	}
	if c.store.rootfsDriver() == "library" {
		path, err := c.store.lib.MountImage(imageID, []string{"ro"}, "")
		if err != nil {
			return "", errclass.New(classOf(err), imageID, fmt.Errorf("mount image %s: %w", shortID(imageID), err))
		}
		return path, nil
	}
	layers, err := c.store.LayerDirs(ctx, imageID)
	if err != nil {
		return "", err
	}
	return c.mount(ctx, rootfs.OverlayOptions{Base: c.store.root, Lower: layers, Options: c.store.namespaceOptions, IDs: c.record.IDs})
}

// MountOverlay lays an overlay over a directory of the host, whose changes go
// into the container's directory and with it: RunDir()/mounts/N.
func (c *Container) MountOverlay(ctx context.Context, lower string) (string, error) {
	dir := filepath.Join(c.dir, volumesDir, strconv.Itoa(c.mounts))
	return c.mount(ctx, rootfs.OverlayOptions{
		Lower: []string{lower}, Volatile: c.record.Ephemeral,
		Upper: filepath.Join(dir, upperDir), Work: filepath.Join(dir, workDir), Options: c.store.namespaceOptions,
	})
}

func (c *Container) mount(ctx context.Context, opts rootfs.OverlayOptions) (string, error) {
	opts.Target = filepath.Join(c.runDir, mountsDir, strconv.Itoa(c.mounts))
	c.mounts++
	o := rootfs.NewOverlay(opts)
	if err := o.Make(); err != nil {
		return "", containerError(classOf(err), c.ID(), err)
	}
	path, err := o.Mount(ctx)
	if err != nil {
		return "", containerError(classOf(err), c.ID(), err)
	}
	return path, nil
}

// unmountAll undoes MountImage, MountOverlay, MountNest and the like.
func (c *Container) unmountAll() error {
	if err := c.unmountShm(); err != nil {
		return err
	}
	dir := filepath.Join(c.runDir, mountsDir)
	names, err := ondisk.Names(dir)
	for _, name := range names {
		target := filepath.Join(dir, name)
		if strings.HasSuffix(name, nestedMark) {
			err = errors.Join(err, detach(target))
		}
		err = errors.Join(err, c.note(rootfs.Unmount(target)))
	}
	if err != nil || len(names) == 0 {
		return err
	}
	c.mounts = max(c.mounts, len(names))
	return rootfs.RemoveTree(dir)
}

func (s *Store) releaseImageMount(ctx context.Context, image, dir string) error {
	if s.rootfsDriver() == "library" {
		if _, err := s.lib.UnmountImage(image, true); err != nil {
			return err
		}
	}
	return s.ReleaseLease(ctx, image, dir)
}
