// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"golang.org/x/sys/unix"
)

// ContainerInfo is what can be read of a container without its lock.
type ContainerInfo struct {
	Record Record
	// Dir and RunDir are its directories; RunDir may be gone.
	Dir, RunDir string
	// Err says why the record cannot be used: ErrDamaged, ErrNewerFormat. The
	// ID is set nevertheless.
	Err error
	// Restarts is how often the restart policy has started it again.
	Restarts int
	// Monitor is the process of its monitor, 0 when the last start had none.
	// Whether it is there now, Monitored tells.
	Monitor int
}

// Containers lists all containers, the oldest first. It takes no lock, and
// one that is damaged is in the list with its Err.
func (s *Store) Containers(ctx context.Context) ([]ContainerInfo, error) {
	var list []ContainerInfo
	seen := map[string]bool{}
	for _, kind := range []string{"ephemeral", "containers"} {
		ids, err := entries(s.tug(kind))
		if err != nil {
			return nil, errclass.New(classOf(err), s.root, fmt.Errorf("list containers: %w", err))
		}
		for _, id := range ids {
			if err := context.Cause(ctx); err != nil {
				return nil, err
			}
			if !checkID(id) || seen[id] {
				continue
			}
			info, err := s.readContainer(id)
			if errors.Is(err, ErrContainerUnknown) {
				continue // it was just removed, or is not finished
			}
			if err != nil {
				info.Err = err
			}
			seen[id] = true
			list = append(list, info)
		}
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := &list[i].Record, &list[j].Record
		if !a.Created.Equal(b.Created) {
			return a.Created.Before(b.Created)
		}
		return a.ID < b.ID
	})
	return list, nil
}

// Container finds a container by its name, its ID, or the beginning of its
// ID.
func (s *Store) Container(ctx context.Context, nameOrID string) (ContainerInfo, error) {
	if err := context.Cause(ctx); err != nil {
		return ContainerInfo{}, err
	}
	if checkID(nameOrID) {
		if info, err := s.readContainer(nameOrID); !errors.Is(err, ErrContainerUnknown) {
			return info, err
		}
	}
	if CheckName(nameOrID) != nil {
		return ContainerInfo{}, unknownContainer(nameOrID)
	}
	if id, _, err := readSign(s.nameLink(nameOrID)); err == nil {
		if info, err := s.readContainer(id); !errors.Is(err, ErrContainerUnknown) {
			return info, err
		}
	}
	if !isHex(nameOrID) {
		return ContainerInfo{}, unknownContainer(nameOrID)
	}
	return s.containerByPrefix(nameOrID)
}

func (s *Store) containerByPrefix(prefix string) (ContainerInfo, error) {
	var found *ContainerInfo
	for _, kind := range []string{"ephemeral", "containers"} {
		ids, err := entries(s.tug(kind))
		if err != nil {
			return ContainerInfo{}, containerError(classOf(err), prefix, err)
		}
		for _, id := range ids {
			if !checkID(id) || !strings.HasPrefix(id, prefix) || found != nil && found.Record.ID == id {
				continue
			}
			info, err := s.readContainer(id)
			if errors.Is(err, ErrContainerUnknown) {
				continue
			} else if err != nil {
				return info, err
			}
			if found != nil {
				return ContainerInfo{}, errclass.New(errclass.Usage, prefix, fmt.Errorf("%s: %w", prefix, ErrContainerAmbiguous))
			}
			found = &info
		}
	}
	if found == nil {
		return ContainerInfo{}, unknownContainer(prefix)
	}
	return *found, nil
}

// readContainer reads one container. An unusable record is in the Err of what
// it returns; an error is returned when there is no such container.
func (s *Store) readContainer(id string) (ContainerInfo, error) {
	if !checkID(id) {
		return ContainerInfo{}, unknownContainer(id)
	}
	// It may move from one to the other while we look. What is in ephemeral/
	// without a record in its run directory is not finished, or being removed.
	for range 2 {
		for _, dir := range []string{s.persistentDir(id), s.ephemeralDir(id)} {
			_, run, err := readSign(filepath.Join(dir, lockFile))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			info := ContainerInfo{Dir: dir, RunDir: s.newRunDir(id)}
			if run != "" {
				info.RunDir = run // another run root's, perhaps
			}
			path := filepath.Join(info.RunDir, recordFile)
			if dir == s.persistentDir(id) {
				path = filepath.Join(dir, recordFile)
			}
			info.Record, info.Err = readRecord(id, path)
			info.overlay()
			if !errors.Is(info.Err, fs.ErrNotExist) || dir == s.persistentDir(id) {
				return info, nil
			}
		}
	}
	return ContainerInfo{}, unknownContainer(id)
}

// readRecord reads a record file. The error is also in the record's place:
// the ID is always set.
func readRecord(id, path string) (Record, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return Record{ID: id}, fmt.Errorf("container %s: %w: %w", id, ErrDamaged, err)
		}
		return Record{ID: id}, damaged(id, "record", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, recordLimit+1))
	if err != nil {
		return Record{ID: id}, damaged(id, "record", err)
	}
	if len(data) > recordLimit {
		return Record{ID: id}, damaged(id, "record", fmt.Errorf("larger than %d bytes", recordLimit))
	}
	return parseRecord(id, data)
}
