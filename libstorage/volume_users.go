// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/ondisk"
)

// useVolumes makes the container a user of its volumes, and makes those that are
// missing. The container's directory is there, its record is not.
func (c *Container) useVolumes(ctx context.Context, volumes []VolumeOptions) error {
	for _, o := range volumes {
		if err := CheckVolumeName(o.Name); err != nil {
			return err
		}
		c.record.Volumes = append(c.record.Volumes, o.Name)
		if err := c.useVolume(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func (c *Container) useVolume(ctx context.Context, o VolumeOptions) error {
	for {
		v, err := c.store.lockVolume(ctx, o.Name)
		if errors.Is(err, ErrVolumeUnknown) {
			owner := ""
			if o.Anonymous {
				owner = c.ID()
			}
			v, err = c.store.createVolume(ctx, o, owner, !o.Anonymous || !c.record.Ephemeral)
			if errors.Is(err, ErrVolumeExists) {
				continue // by somebody else, just now
			}
		}
		if err != nil {
			return err
		}
		return errors.Join(v.addUser(c.ID(), !c.record.Ephemeral), v.unlock())
	}
}

func (v *heldVolume) addUser(id string, durable bool) error {
	if v.Err != nil {
		return v.Err
	}
	if err := v.mark(usersDir, id); err != nil {
		return volumeError(v.Name, err)
	}
	if durable {
		if err := ondisk.SyncDir(v.path(usersDir)); err != nil {
			return volumeError(v.Name, err)
		}
	}
	return nil
}

// mark notes that a container has the volume, or has it mounted.
func (v *heldVolume) mark(kind, id string) error {
	f, err := os.OpenFile(v.path(kind, id), os.O_WRONLY|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if errors.Is(err, fs.ErrNotExist) { // the directory was lost
		if err = mkdir(v.path(kind)); err == nil {
			f, err = os.OpenFile(v.path(kind, id), os.O_WRONLY|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		}
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// keepVolumes makes what the container owns outlive it. This comes before the
// container is retired: what one owns that is retired goes with it.
func (c *Container) keepVolumes(ctx context.Context) error {
	return c.store.eachOwned(ctx, c.ID(), c.record.Volumes, func(v *heldVolume) error {
		return errors.Join(v.change(func(v *Volume) { v.Owner = "" }), v.unlock())
	})
}

// eachOwned calls do for the volumes of a container that go with it; do gives up
// the lock.
func (s *Store) eachOwned(ctx context.Context, id string, names []string, do func(*heldVolume) error) (err error) {
	for _, name := range names {
		if s.readVolume(name).Owner != id {
			continue
		}
		v, lerr := s.lockVolume(ctx, name)
		if errors.Is(lerr, ErrVolumeUnknown) {
			continue
		} else if lerr != nil {
			err = errors.Join(err, lerr)
			continue
		}
		if v.Owner == id {
			err = errors.Join(err, do(v))
		} else {
			err = errors.Join(err, v.unlock())
		}
	}
	return err
}

// leaveVolumes notes that the container has nothing mounted any more. A file
// system that nobody else has mounted is unmounted.
func (c *Container) leaveVolumes(ctx context.Context) (err error) {
	for _, name := range c.record.Volumes {
		if !validName(name) {
			continue
		}
		v := c.store.readVolume(name)
		gone := unix.Unlink(c.store.volumeDir(name) + "/" + mountedDir + "/" + c.ID())
		if gone != nil || !v.HasFilesystem() {
			continue
		}
		held, lerr := c.store.lockVolume(ctx, name)
		if errors.Is(lerr, ErrVolumeUnknown) {
			continue
		} else if lerr == nil {
			if !held.mountedByOthers(c.ID()) {
				lerr = held.unmount()
			}
			lerr = errors.Join(lerr, held.unlock())
		}
		err = errors.Join(err, lerr)
	}
	return err
}

// dropVolumes ends the use of the container's volumes, and removes those that it
// owns or, with its volumes, that nobody else has and nobody has named.
func (c *Container) dropVolumes(ctx context.Context) (err error) {
	for _, name := range c.record.Volumes {
		if !validName(name) {
			continue
		}
		path := c.store.volumeDir(name) + "/" + usersDir + "/" + c.ID()
		uerr := unix.Unlink(path)
		if uerr != nil && uerr != unix.ENOENT {
			err = errors.Join(err, &os.PathError{Op: "remove", Path: path, Err: uerr})
			continue
		}
		v := c.store.readVolume(name)
		if v.Anonymous && (v.Owner == c.ID() || c.volumes && uerr == nil) {
			rerr := c.store.RemoveVolume(ctx, name)
			if !errors.Is(rerr, ErrVolumeInUse) && !errors.Is(rerr, ErrVolumeUnknown) {
				err = errors.Join(err, rerr)
			}
		}
	}
	return err
}

// mountedByOthers tells whether another container has the volume mounted.
func (v *heldVolume) mountedByOthers(id string) bool {
	ids, err := ondisk.Names(v.path(mountedDir))
	if err != nil {
		return true
	}
	for _, other := range ids {
		if other == id {
			continue
		}
		if v.store.busy(other) {
			return true
		}
		_ = ondisk.Remove(v.path(mountedDir, other))
	}
	return false
}

// busy tells whether a container runs, or somebody is at work on it. Who starts
// one has its lock until its process is there.
func (s *Store) busy(id string) bool {
	if !checkID(id) {
		return false
	}
	for _, dir := range []string{s.ephemeralDir(id), s.persistentDir(id), s.ephemeralDir(id)} {
		if lockHeld(dir + "/" + lockFile) {
			return true
		}
	}
	info, err := s.readContainer(id)
	return err == nil && alive(info)
}

// lockHeld tells whether somebody has the lock of a file, and does not take it.
func lockHeld(path string) bool {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err != unix.ENOENT
	}
	defer unix.Close(fd)
	lk := unix.Flock_t{Type: unix.F_WRLCK}
	err = unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &lk)
	return err != nil || lk.Type != unix.F_UNLCK
}
