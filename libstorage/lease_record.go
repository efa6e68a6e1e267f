// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"go.podman.io/storage"
	"go.podman.io/storage/pkg/ioutils"
	"go.podman.io/storage/pkg/lockfile"
	"golang.org/x/sys/unix"
)

// A lease is a record in the list of containers that every tool of the store
// reads: an ID, a name, an image, and no layer, for there is nothing to write
// to. We add it and take it out ourselves, under the library's lock, in its
// format and by its way of writing. CreateContainer and DeleteContainer of the
// library would also make a layer, and so write the list of layers twice more
// each and sync the whole disk: five times the cost, which every first and
// last container of an image would pay.

// createLease adds the lease of an image. It is no error when it is there.
func (s *Store) createLease(ctx context.Context, imageID string) error {
	id, name := leaseID(imageID), leaseContainer(imageID)
	lease := storage.Container{
		ID: id, Names: []string{name}, ImageID: imageID, Created: time.Now().UTC(),
		Metadata: `{"container-name":"` + name + `"}`,
	}
	record, err := json.Marshal(&lease)
	if err != nil {
		return err
	}
	return s.editContainers(ctx, func(list []byte) ([]byte, error) {
		if start, _, err := findContainer(list, id); err != nil || start >= 0 {
			return nil, err
		}
		return addContainer(list, record), nil
	})
}

// hasLease tells whether an image has its lease. The list is replaced, never
// changed: to look at it needs no lock.
func (s *Store) hasLease(imageID string) bool {
	list, err := os.ReadFile(recordPath(s.root, s.Driver(), "containers"))
	if err != nil {
		return false
	}
	start, _, err := findContainer(list, leaseID(imageID))
	return err == nil && start >= 0
}

// deleteLease takes the lease away, on a full disk too.
func (s *Store) deleteLease(ctx context.Context, imageID string) error {
	return s.roomy(func() error {
		return s.editContainers(ctx, func(list []byte) ([]byte, error) {
			start, end, err := findContainer(list, leaseID(imageID))
			if err != nil || start < 0 {
				return nil, err
			}
			return cutContainer(list, start, end), nil
		})
	})
}

// editContainers writes the list of containers anew as edit gives it, unless
// that is nil.
func (s *Store) editContainers(ctx context.Context, edit func(list []byte) ([]byte, error)) error {
	path := recordPath(s.root, s.Driver(), "containers")
	lock, err := s.lockContainers(ctx)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	list, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		list = []byte("[]")
	} else if err != nil {
		return err
	}
	if list = bytes.TrimSpace(list); len(list) < 2 || list[0] != '[' || list[len(list)-1] != ']' {
		return damaged(path, "list of containers", errors.New("not a JSON array"))
	}
	changed, err := edit(list)
	if err != nil || changed == nil {
		return err
	}
	// Before the file, so that a reader is never told that nothing changed.
	if _, err := lock.RecordWrite(); err != nil {
		return err
	}
	return ioutils.AtomicWriteFile(path, changed, 0o600)
}

// lockContainers takes the lock of the list as the library does, but gives up
// when ctx is done: whoever has it may be stopped.
func (s *Store) lockContainers(ctx context.Context) (*lockfile.LockFile, error) {
	dir := filepath.Dir(recordPath(s.root, s.Driver(), "containers"))
	if s.lib.TransientStore() {
		dir = filepath.Join(s.runRoot, filepath.Base(dir))
	}
	path := filepath.Join(dir, "containers.lock")
	lock, err := lockfile.GetLockFile(path)
	if err != nil {
		return nil, err
	}
	return lock, waitFor(ctx, path, func() error {
		err := lock.TryLock()
		var errno syscall.Errno
		if err == nil || errors.As(err, &errno) && errno != unix.EAGAIN && errno != unix.EACCES {
			return err
		}
		return errLocked // by another process, or a goroutine of this one
	})
}

// addContainer puts a record at the end of a list. The others stay as they
// are, with fields that we do not know.
func addContainer(list, record []byte) []byte {
	head := bytes.TrimSpace(list[:len(list)-1])
	changed := make([]byte, 0, len(list)+len(record)+1)
	changed = append(changed, head...)
	if len(head) > 1 {
		changed = append(changed, ',')
	}
	changed = append(changed, record...)
	return append(changed, ']')
}

// findContainer finds the record of an ID in the list; start is -1 when there
// is none. The library writes the ID first.
func findContainer(list []byte, id string) (start, end int, err error) {
	start = bytes.Index(list, []byte(`{"id":"`+id+`"`))
	if start < 0 {
		return -1, -1, nil
	}
	dec := json.NewDecoder(bytes.NewReader(list[start:]))
	var record json.RawMessage
	if err := dec.Decode(&record); err != nil {
		return -1, -1, err
	}
	return start, start + int(dec.InputOffset()), nil
}

// cutContainer takes the record out, and the comma that goes with it.
func cutContainer(list []byte, start, end int) []byte {
	head, tail := bytes.TrimSpace(list[:start]), bytes.TrimSpace(list[end:])
	if rest, ok := bytes.CutPrefix(tail, []byte(",")); ok {
		tail = rest
	} else {
		head = bytes.TrimSuffix(head, []byte(","))
	}
	return append(head[:len(head):len(head)], tail...)
}
