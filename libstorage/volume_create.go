// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
	"github.com/tug-containers/tug/libstorage/rootfs"
	"golang.org/x/sys/unix"
)

// CreateVolume makes a volume. When it has returned, the volume survives a power
// cut; when it fails or is killed, there is none. A name that is taken is
// ErrVolumeExists.
func (s *Store) CreateVolume(ctx context.Context, opts VolumeOptions) (Volume, error) {
	if err := s.writable(); err != nil {
		return Volume{}, err
	}
	v, err := s.createVolume(ctx, opts, "", true)
	if err != nil {
		return Volume{}, err
	}
	return v.Volume, v.unlock()
}

// createVolume makes a volume and holds its lock.
func (s *Store) createVolume(ctx context.Context, opts VolumeOptions, owner string, durable bool) (*heldVolume, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	record, err := newVolume(opts, owner)
	if err != nil {
		return nil, err
	}
	v, err := s.stageVolume(record)
	if err != nil {
		return nil, volumeError(record.Name, fmt.Errorf("create: %w", err))
	}
	if err := v.build(durable); err != nil {
		return nil, errors.Join(err, rootfs.RemoveTree(v.dir), v.unlock())
	}
	s.noteVolume("create", &v.Volume)
	return v, nil
}

func newVolume(opts VolumeOptions, owner string) (Volume, error) {
	v := Volume{
		Format: volumeFormat, Name: opts.Name, Driver: LocalDriver, Labels: opts.Labels, Options: opts.Options,
		Created: time.Now().UTC(), Anonymous: opts.Anonymous, Owner: owner, NeedsCopyUp: true, NeedsChown: true,
	}
	if v.Name == "" {
		v.Name = NewVolumeName()
	} else if err := CheckVolumeName(v.Name); err != nil {
		return v, err
	}
	if opts.Driver != "" && opts.Driver != LocalDriver {
		return v, errclass.New(errclass.Unsupported, opts.Driver, fmt.Errorf("volume %s: driver %q is not supported: local is", v.Name, opts.Driver))
	}
	return v, v.readOptions()
}

// stageVolume makes a directory beside, and holds its lock. Collect in another
// process may take it for garbage until the lock is held; then another is as
// good.
func (s *Store) stageVolume(record Volume) (*heldVolume, error) {
	for range 100 {
		dir := s.volumeDir(newPrefix + newID())
		if err := mkdir(dir); err != nil {
			return nil, err
		}
		l, err := newLock(dir + "/" + lockFile)
		if errors.Is(err, errLocked) || errors.Is(err, errGone) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
			continue
		} else if err != nil {
			return nil, errors.Join(err, os.Remove(dir))
		}
		return &heldVolume{Volume: record, store: s, lock: l, dir: dir}, nil
	}
	return nil, errors.New("internal error: no directory to be had")
}

// build fills the directory, and gives it its name.
func (v *heldVolume) build(durable bool) error {
	fail := func(err error) error { return volumeError(v.Name, fmt.Errorf("create: %w", err)) }
	for _, name := range []string{dataDir, usersDir, mountedDir} {
		if err := mkdir(v.path(name)); err != nil {
			return fail(err)
		}
	}
	if err := v.ownData(v.path(dataDir)); err != nil {
		return fail(err)
	}
	if err := v.write(durable); err != nil {
		return err
	}
	dir := v.store.volumeDir(v.Name)
	// Where there is a volume, its directory is not empty.
	if err := unix.Rename(v.dir, dir); err == unix.EEXIST || err == unix.ENOTEMPTY {
		return errclass.New(errclass.Conflict, v.Name, fmt.Errorf("volume with name %s already exists: %w", v.Name, ErrVolumeExists))
	} else if err != nil {
		return fail(&os.LinkError{Op: "rename", Old: v.dir, New: dir, Err: err})
	}
	v.dir, v.Path, v.lock.path = dir, dir+"/"+dataDir, dir+"/"+lockFile
	if durable {
		if err := ondisk.SyncDir(v.store.volumeDir("")); err != nil {
			return fail(err)
		}
	}
	return nil
}

// ownData gives the directory of the content the owner that was asked for.
func (v *Volume) ownData(path string) error {
	if err := os.Chmod(path, 0o755); err != nil {
		return err
	}
	return v.chown(path)
}

func (v *Volume) chown(path string) error {
	uid, gid := -1, -1
	if v.UID != nil {
		uid = *v.UID
	}
	if v.GID != nil {
		gid = *v.GID
	}
	if uid < 0 && gid < 0 {
		return nil
	}
	return os.Lchown(path, uid, gid)
}
