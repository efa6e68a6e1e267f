// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/idmap"
	"github.com/tug-containers/tug/internal/ondisk"
	"github.com/tug-containers/tug/libstorage/rootfs"
	"golang.org/x/sys/unix"
)

// ContainerOptions say what to create.
type ContainerOptions struct {
	// Name is the container's; empty makes one up.
	Name string
	// ImageID is the image that it runs, ImageName what the user called it.
	ImageID, ImageName string
	// Layers are the lower directories, as LayerDirs returns them; nil asks
	// the store.
	Layers []string
	// Rootfs is a directory to run instead of an image. With RootfsOverlay
	// the container's changes are not made there, but in an overlay.
	Rootfs        string
	RootfsOverlay bool
	// Driver is the root file system's: "overlay", "library"; empty takes
	// what fits the store.
	Driver string
	// Ephemeral: the container goes with its process. Nothing of it is
	// synced to the disk.
	Ephemeral bool
	// AutoRemove: the container goes when its process does, but stays until it
	// is started.
	AutoRemove bool
	// Starting: it is started at once, which spares a write of the record.
	Starting bool
	// Replace removes a container that has the name. If it runs, Stop ends it.
	Replace bool
	Stop    StopFunc
	// IDs are those of its user namespace; nil is none. With AutoIDs they are chosen,
	// and no other container of this host's stores has them.
	IDs     *idmap.Mapping
	AutoIDs *AutoIDs
	// Volumes are those that the container has, each with its name. One that is
	// missing is made.
	Volumes []VolumeOptions
	// What the record says beside that.
	Command             []string
	Labels, Annotations map[string]string
	Runtime             string
	Config              json.RawMessage
}

// CreateContainer makes the directories of a container, claims its name and
// writes its record. It holds the container's lock until Close or Remove.
// Nothing is mounted, and the lease on the image is not taken: see Rootfs and
// Ready.
//
// When it fails, or the process is killed in it, there is no container and
// the name is free; what it has made by then goes now or by the next Sweep.
func (s *Store) CreateContainer(ctx context.Context, opts ContainerOptions) (*Container, error) {
	if err := s.writable(); err != nil {
		return nil, err
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if opts.Name != "" {
		if err := CheckName(opts.Name); err != nil {
			return nil, err
		}
	}
	r, err := s.newRecord(ctx, opts)
	if err != nil {
		return nil, err
	}
	c, err := s.reserve(r)
	if err != nil {
		return nil, errclass.New(classOf(err), opts.Name, fmt.Errorf("create container: %w", err))
	}
	if err := c.build(ctx, opts); err != nil {
		return nil, errors.Join(err, c.remove(ctx))
	}
	return c, nil
}

func (s *Store) newRecord(ctx context.Context, opts ContainerOptions) (Record, error) {
	r := Record{
		Format: recordFormat, Name: opts.Name, Created: time.Now().UTC(),
		ImageID: opts.ImageID, ImageName: opts.ImageName, Rootfs: opts.Rootfs, Layers: opts.Layers,
		Driver: opts.Driver, Ephemeral: opts.Ephemeral, Command: opts.Command, Runtime: opts.Runtime,
		Labels: opts.Labels, Annotations: opts.Annotations, Config: opts.Config, AutoRemove: opts.AutoRemove,
		IDs: opts.IDs,
	}
	if opts.Starting {
		r.Starting()
	}
	switch {
	case opts.Rootfs != "" && opts.ImageID != "":
		return r, errors.New("internal error: a container has an image or a directory, not both")
	case opts.Rootfs != "":
		dir, err := filepath.Abs(opts.Rootfs)
		if err == nil {
			_, err = rootfs.Directory(dir).Mount(ctx)
		}
		if err != nil {
			return r, errclass.New(errclass.NotFound, opts.Rootfs, err)
		}
		r.Rootfs, r.Driver = dir, "directory"
		if opts.RootfsOverlay {
			r.Driver, r.Layers = "overlay", []string{dir}
		}
	case opts.ImageID != "":
		if !leasable(opts.ImageID) {
			return r, unknownImage(opts.ImageID)
		}
		if r.Driver == "" {
			r.Driver = s.rootfsDriver()
			if r.Driver == "overlay" && (!r.IDs.Identity() || opts.AutoIDs != nil) && !s.mapsIDs() {
				r.Driver = "library"
			}
		}
		if r.Driver == "overlay" && r.Layers == nil {
			layers, err := s.LayerDirs(ctx, opts.ImageID)
			if err != nil {
				return r, err
			}
			r.Layers = layers
		}
	default:
		return r, errors.New("internal error: a container needs an image or a directory")
	}
	return r, nil
}

// reserve makes the directory under a new ID, and holds its lock. Sweep in
// another process may take the directory for garbage until the lock is held;
// then another ID is as good.
func (s *Store) reserve(r Record) (*Container, error) {
	for range 100 {
		r.ID = newID()
		dir := s.ephemeralDir(r.ID)
		if err := mkdir(dir); err != nil {
			return nil, err
		}
		l, err := newLock(filepath.Join(dir, lockFile))
		if errors.Is(err, errLocked) || errors.Is(err, errGone) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
			continue
		} else if err != nil {
			return nil, errors.Join(err, os.Remove(dir))
		}
		r.RunDir = s.newRunDir(r.ID)
		return &Container{store: s, record: r, lock: l, dir: dir, runDir: r.RunDir}, nil
	}
	return nil, errors.New("internal error: no directory to be had")
}

// build fills what reserve made.
func (c *Container) build(ctx context.Context, opts ContainerOptions) error {
	fail := func(err error) error { return containerError(classOf(err), c.ID(), err) }
	if err := c.lock.sign(c.ID(), c.runDir); err != nil {
		return fail(err)
	}
	if err := c.takeName(ctx, opts); err != nil {
		return err
	}
	if opts.AutoIDs != nil {
		// Nobody else chooses until our record says what we have.
		done, err := c.chooseIDs(ctx, opts.AutoIDs)
		if err != nil {
			return err
		}
		defer done()
	}
	if err := mkdir(c.runDir); err != nil {
		return fail(err)
	}
	if err := c.openRunDir(); err != nil {
		return fail(err)
	}
	c.fs = c.newRootfs()
	if o, ok := c.fs.(*rootfs.Overlay); ok {
		if err := o.Make(); err != nil {
			return fail(err)
		}
	}
	if err := c.useVolumes(ctx, opts.Volumes); err != nil {
		return err
	}
	if c.record.Ephemeral {
		return c.write(&c.record, false)
	}
	return c.commit()
}

// commit makes a container that outlives its process: its record is written
// where no Sweep looks.
func (c *Container) commit() error {
	if err := c.write(&c.record, true); err != nil {
		return err
	}
	if err := unix.Fdatasync(c.lock.fd); err != nil {
		return containerError(classOf(err), c.ID(), err)
	}
	dir := c.store.persistentDir(c.ID())
	err := os.Rename(c.dir, dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(dir), 0o700); err == nil {
			err = os.Rename(c.dir, dir)
		}
	}
	if err == nil {
		c.dir, c.lock.path = dir, filepath.Join(dir, lockFile)
		c.fs = c.newRootfs()
		err = errors.Join(ondisk.SyncDir(filepath.Dir(dir)), ondisk.SyncDir(c.store.tug("names")))
	}
	if err != nil {
		return containerError(classOf(err), c.ID(), err)
	}
	return nil
}

// takeName claims the name that was asked for, or makes one up.
func (c *Container) takeName(ctx context.Context, opts ContainerOptions) error {
	if opts.Name == "" {
		var err error
		for try := range 100 {
			c.record.Name = madeUpName(try)
			err = c.store.claimName(ctx, c.record.Name, c.ID(), c.lock.path, opts.Stop)
			if !errors.Is(err, ErrNameTaken) {
				break
			}
		}
		return err
	}
	for {
		err := c.store.claimName(ctx, opts.Name, c.ID(), c.lock.path, opts.Stop)
		var taken *NameTakenError
		if !errors.As(err, &taken) || !opts.Replace {
			return err
		}
		err = c.store.RemoveContainer(ctx, taken.ID, opts.Stop)
		if err != nil && !errors.Is(err, ErrContainerUnknown) {
			return err
		}
	}
}
