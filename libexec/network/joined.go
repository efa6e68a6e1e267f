// SPDX-License-Identifier: Apache-2.0

package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
)

// runPath is what is kept of a network until the next boot.
func (s *Set) runPath(name string) string { return filepath.Join(s.o.RunDir, "networks", name) }

func (s *Set) joinedPath(name, id string) string { return filepath.Join(s.runPath(name), id+".json") }

// On gives who is on a network, also those that are just being put there. A file
// that cannot be read is left out: that is its container's problem.
func (s *Set) On(name string) ([]Joined, error) {
	ids, err := jsonNames(s.runPath(name))
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	var on []Joined
	for _, id := range ids {
		if j, err := s.readJoined(name, id); err == nil {
			on = append(on, j)
		}
	}
	return on, nil
}

// Used are the names of networks that containers are on, or were.
func (s *Set) Used() ([]string, error) { return used(s.o.RunDir) }

// Of gives the networks that a container is on, by its full ID, in the order in
// which it was put there.
func (s *Set) Of(id string) ([]Joined, error) {
	names, err := s.joinedBy(id)
	var of []Joined
	for _, name := range names {
		j, jerr := s.readJoined(name, id)
		if jerr == nil {
			of = append(of, j)
		} else if !errors.Is(jerr, fs.ErrNotExist) {
			err = errors.Join(err, jerr)
		}
	}
	slices.SortFunc(of, func(a, b Joined) int {
		if a.Order != b.Order {
			return a.Order - b.Order
		}
		return strings.Compare(a.Network, b.Network)
	})
	return of, err
}

// joinedBy are the names of the networks that a container is on.
func (s *Set) joinedBy(id string) ([]string, error) {
	all, err := used(s.o.RunDir)
	var names []string
	for _, name := range all {
		if _, serr := os.Lstat(s.joinedPath(name, id)); serr == nil {
			names = append(names, name)
		}
	}
	return names, err
}

func (s *Set) readJoined(name, id string) (j Joined, err error) {
	if !validName(name) || !validID(id) {
		return j, fs.ErrNotExist
	}
	data, err := ondisk.Read(s.joinedPath(name, id), fileLimit)
	if err != nil {
		return j, err
	}
	err = json.Unmarshal(data, &j)
	if err == nil && (j.Network != name || j.Container.ID != id) {
		err = errors.New("it is of another")
	}
	if err == nil && j.Format > format {
		err = ErrNewer
	}
	if err != nil {
		return j, errorf(errclass.Internal, id, "container %s on network %s: record %w: %w", id, name, ErrDamaged, err)
	}
	return j, nil
}

func (s *Set) writeJoined(j *Joined) error {
	data, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	path := s.joinedPath(j.Network, j.Container.ID)
	err = ondisk.ReplaceShared(path, data, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			err = ondisk.ReplaceShared(path, data, 0o600)
		}
	}
	if err != nil {
		return errorf(errclass.Internal, j.Container.ID, "container %s on network %s: %w", j.Container.ID, j.Network, err)
	}
	return nil
}

// validID accepts what can be the ID of a container: it becomes a file's name.
func validID(id string) bool {
	return len(id) >= 12 && len(id) <= 64 && strings.Trim(id, "0123456789abcdef") == ""
}
