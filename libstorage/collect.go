// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/ondisk"
)

// Leftover is something that belongs to nobody any more: a killed process, a
// power cut or a foreign hand left it.
type Leftover struct {
	// Kind is container, run, network, name, lease, volume, file, mount, image or
	// layer.
	Kind string
	// Name is that of the object, or a path.
	Name string
	// Why says what it is left of.
	Why string

	remove func(ctx context.Context) (bool, error)
}

// CollectOptions are the choices of Collect.
type CollectOptions struct {
	// DryRun only looks.
	DryRun bool
	// Stop is what Sweep has.
	Stop StopFunc
	// Settle cleans up after a container that has ended, which nobody did: it
	// takes the lock, looks again, and notes the end. Without it, those stay.
	Settle func(ctx context.Context, info ContainerInfo) error
}

// Collect removes what belongs to nobody, and returns what that was; with DryRun,
// what it would be. It never touches what somebody has the lock of, or what a
// process lives in, and looks again with the lock held before it removes. Sweep
// does the most of it for every command; this goes through the whole store.
//
// When something cannot be removed the rest is nevertheless.
func (s *Store) Collect(ctx context.Context, o CollectOptions) ([]Leftover, error) {
	if err := s.writable(); err != nil {
		return nil, err
	}
	var done []Leftover
	var errs []error
	// Containers come first: the rest may be theirs.
	for _, find := range []func(context.Context, CollectOptions) ([]Leftover, error){
		s.leftContainers, s.leftRuns, s.leftNames, s.leftVolumes, s.leftLeases, s.leftImageMounts, s.leftImages, s.leftStages, s.leftLayers,
	} {
		found, err := find(ctx, o)
		errs = append(errs, err)
		for _, l := range found {
			if err := context.Cause(ctx); err != nil {
				return done, errors.Join(append(errs, err)...)
			}
			removed := o.DryRun
			if !o.DryRun {
				removed, err = l.remove(ctx)
				errs = append(errs, err)
			}
			if removed {
				done = append(done, l)
			}
		}
	}
	return done, errors.Join(errs...)
}

// leftContainers are what Sweep removes.
func (s *Store) leftContainers(ctx context.Context, o CollectOptions) ([]Leftover, error) {
	ids, err := ondisk.Names(s.tug("ephemeral"))
	var left []Leftover
	for _, id := range ids {
		if !checkID(id) || lockHeld(s.ephemeralDir(id)+"/"+lockFile) {
			continue
		}
		if names, err := ondisk.Names(s.ephemeralDir(id)); err == nil && len(names) == 0 {
			// Somebody is about to begin with it, or to end; or nobody is.
			if !o.DryRun {
				_ = unix.Rmdir(s.ephemeralDir(id))
			}
			continue
		}
		info := s.readGarbage(id)
		if errors.Is(info.Err, ErrNewerFormat) || alive(info) {
			continue
		}
		why := "its command and its process are gone"
		if errors.Is(info.Err, fs.ErrNotExist) {
			why = "it was not finished"
		} else if info.Err == nil && !info.Record.Ephemeral {
			why = "its removal was not finished"
		}
		left = append(left, Leftover{"container", id, why, func(ctx context.Context) (bool, error) {
			return s.sweepOne(ctx, id, o.Stop)
		}})
	}
	return left, err
}

// leftNames lead to no container, or to one that has another name.
func (s *Store) leftNames(context.Context, CollectOptions) ([]Leftover, error) {
	names, err := ondisk.Names(s.tug("names"))
	var left []Leftover
	for _, name := range names {
		if !validName(name) {
			continue
		}
		id, _, err := readSign(s.nameLink(name))
		switch {
		case err != nil:
		case !s.claimed(id):
			left = append(left, Leftover{"name", name, "its container is gone", func(ctx context.Context) (bool, error) {
				return true, s.dropStaleName(ctx, name)
			}})
		case !s.named(id, name) && !lockHeld(s.nameLink(name)):
			left = append(left, Leftover{"name", name, "container " + shortID(id) + " has another name", func(context.Context) (bool, error) {
				return s.dropLeftName(id, name)
			}})
		}
	}
	return left, err
}

// leftVolumes are what CollectVolumes removes.
func (s *Store) leftVolumes(context.Context, CollectOptions) ([]Leftover, error) {
	names, err := ondisk.Names(s.volumeDir(""))
	var left []Leftover
	for _, name := range names {
		if why := s.volumeLeft(name); why != "" {
			left = append(left, Leftover{"volume", name, why, func(context.Context) (bool, error) {
				if validName(name) {
					_, err := s.collectVolume(name)
					return err == nil, err
				}
				line, err := s.collectUnnamed(name)
				return line != "", err
			}})
		}
	}
	return left, err
}

// leftLeases are of images that no container of ours uses.
func (s *Store) leftLeases(context.Context, CollectOptions) ([]Leftover, error) {
	images, err := ondisk.Names(s.tug("leases"))
	var left []Leftover
	for _, image := range images {
		path := s.leaseFile(image)
		if !leasable(image) || lockHeld(path) || linksOf(path) != 1 {
			continue
		}
		left = append(left, Leftover{"lease", image, "no container uses the image", func(ctx context.Context) (bool, error) {
			l, err := tryLock(path)
			if errors.Is(err, errLocked) || errors.Is(err, errGone) || errors.Is(err, fs.ErrNotExist) {
				return false, nil
			} else if err != nil {
				return false, leaseError(image, err)
			}
			err = s.dropIdle(ctx, l, image)
			return err == nil && linksOf(path) == 0, errors.Join(err, l.unlock())
		}})
	}
	return left, err
}
