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
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
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
	// Restarts is how often it was started again by who keeps it: its monitor, for
	// the most part because of its restart policy.
	Restarts int
	// Monitor is the process of its monitor, 0 when the last start had none.
	// Whether it is there now, Monitored tells.
	Monitor int
}

// Containers lists all containers, the oldest first. It takes no lock, and
// one that is damaged is in the list with its Err.
func (s *Records) Containers(ctx context.Context) ([]ContainerInfo, error) {
	var all []string
	for _, kind := range []string{"ephemeral", "containers"} {
		ids, err := ondisk.Names(s.tug(kind))
		if err != nil {
			return nil, errclass.New(classOf(err), s.root, fmt.Errorf("list containers: %w", err))
		}
		all = append(all, ids...)
	}
	all = slices.DeleteFunc(all, func(id string) bool { return !checkID(id) })
	slices.Sort(all)
	all = slices.Compact(all) // one may have moved between the two
	return s.readContainers(ctx, all)
}

// Latest is the container that was made last, in any state.
func (s *Records) Latest(ctx context.Context) (ContainerInfo, error) {
	list, err := s.Containers(ctx)
	if err == nil && len(list) == 0 {
		err = errclass.New(errclass.NotFound, "", fmt.Errorf("the latest: %w", ErrContainerUnknown))
	}
	if err != nil {
		return ContainerInfo{}, err
	}
	return list[len(list)-1], nil
}

// Container finds a container by its name, its ID, or the beginning of its
// ID.
func (s *Records) Container(ctx context.Context, nameOrID string) (ContainerInfo, error) {
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
		info, err := s.readContainer(id)
		// A rename may have been cut short: see Rename.
		if !errors.Is(err, ErrContainerUnknown) && (err != nil || info.Err != nil || info.Record.Name == nameOrID) {
			return info, err
		}
	}
	if !isHex(nameOrID) {
		return ContainerInfo{}, unknownContainer(nameOrID)
	}
	return s.containerByPrefix(nameOrID)
}

func (s *Records) containerByPrefix(prefix string) (ContainerInfo, error) {
	var found *ContainerInfo
	for _, kind := range []string{"ephemeral", "containers"} {
		ids, err := ondisk.Names(s.tug(kind))
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
func (s *Records) readContainer(id string) (ContainerInfo, error) {
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
			if !errors.Is(info.Err, fs.ErrNotExist) {
				return info, nil
			}
			// Without a record a persistent one is damaged, unless it has just moved.
			if _, _, err := readSign(filepath.Join(dir, lockFile)); dir == s.persistentDir(id) && !errors.Is(err, fs.ErrNotExist) {
				return info, nil
			}
		}
	}
	return ContainerInfo{}, unknownContainer(id)
}

// readRecord reads a record file. The error is also in the record's place:
// the ID is always set.
func readRecord(id, path string) (Record, error) {
	data, err := ondisk.Read(path, recordLimit)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Record{ID: id}, fmt.Errorf("container %s: %w: %w", id, ErrDamaged, err)
	case err != nil:
		return Record{ID: id}, damaged(id, "record", err)
	}
	return parseRecord(id, data)
}

// readInto reads of a file beneath the directory at as much as buf holds. A list of
// containers reads thousands, so it is done without an os.File, which costs twice
// as much.
func readInto(at int, path string, buf []byte) ([]byte, error) {
	fd, err := unix.Openat(at, path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Read(fd, buf) // a regular file gives all that it has
		switch {
		case err == nil:
			return buf[:n], nil
		case err != unix.EINTR:
			return nil, &os.PathError{Op: "read", Path: path, Err: err}
		}
	}
}
