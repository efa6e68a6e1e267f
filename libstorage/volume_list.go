// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
	"golang.org/x/sys/unix"
)

// Volumes lists all volumes by name. It takes no lock, and one that is damaged
// is in the list with its Err.
func (s *Store) Volumes(ctx context.Context) ([]Volume, error) {
	names, err := s.volumeNames()
	if err != nil {
		return nil, err
	}
	list := make([]Volume, 0, len(names))
	for _, name := range names {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if v := s.readVolume(name); v.Err == nil || s.hasVolume(name) {
			list = append(list, v)
		}
	}
	return list, nil
}

func (s *Store) volumeNames() ([]string, error) {
	names, err := ondisk.Names(s.volumeDir(""))
	if err != nil {
		return nil, errclass.New(classOf(err), s.root, fmt.Errorf("list volumes: %w", err))
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !validName(name) })
	slices.Sort(names)
	return names, nil
}

func (s *Store) hasVolume(name string) bool {
	var st unix.Stat_t
	return unix.Lstat(s.volumeDir(name), &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

// Volume finds a volume by its name.
func (s *Store) Volume(ctx context.Context, name string) (Volume, error) {
	if err := context.Cause(ctx); err != nil {
		return Volume{}, err
	}
	if !validName(name) || !s.hasVolume(name) {
		return Volume{}, unknownVolume(name)
	}
	return s.readVolume(name), nil
}

// FindVolume finds a volume by its name, or the beginning of it.
func (s *Store) FindVolume(ctx context.Context, name string) (Volume, error) {
	v, err := s.Volume(ctx, name)
	if !errors.Is(err, ErrVolumeUnknown) || name == "" {
		return v, err
	}
	names, lerr := s.volumeNames()
	if lerr != nil {
		return Volume{}, lerr
	}
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, name) })
	switch len(names) {
	case 0:
		return Volume{}, err
	case 1:
		return s.Volume(ctx, names[0])
	}
	return Volume{}, errclass.New(errclass.Usage, name, fmt.Errorf("%s: %w", name, ErrVolumeAmbiguous))
}

// VolumeUsers are the containers that have a volume, running or not.
func (s *Store) VolumeUsers(name string) ([]User, error) {
	if !validName(name) {
		return nil, unknownVolume(name)
	}
	ids, err := ondisk.Names(s.volumeDir(name) + "/" + usersDir)
	if err != nil {
		return nil, volumeError(name, err)
	}
	slices.Sort(ids)
	var users []User
	for _, id := range ids {
		if s.claimed(id) {
			info, _ := s.readContainer(id) // one without a record has no name
			users = append(users, User{ID: id, Name: info.Record.Name, Ours: true})
		}
	}
	return users, nil
}
