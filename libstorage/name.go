// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
	"golang.org/x/sys/unix"
)

// nameLimit is the longest name of a container.
const nameLimit = 128

// CheckName tells whether a container can have that name: a letter or a
// digit, then letters, digits, "_", "." and "-", at most 128 bytes.
func CheckName(name string) error {
	if validName(name) {
		return nil
	}
	shown := name[:min(len(name), nameLimit)]
	return errclass.New(errclass.Usage, shown, fmt.Errorf(
		"%q: %w: a container's name is [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most %d bytes", shown, ErrInvalidName, nameLimit))
}

func validName(name string) bool {
	ok := name != "" && len(name) <= nameLimit
	for i := 0; ok && i < len(name); i++ {
		c := name[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		ok = alnum || i > 0 && (c == '_' || c == '.' || c == '-')
	}
	return ok
}

// checkID tells whether id is that of a container: it becomes part of a path.
func checkID(id string) bool {
	return len(id) == 64 && isHex(id)
}

func isHex(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func newID() string {
	var b [32]byte
	rand.Read(b[:]) // never fails: it would rather end the program
	return hex.EncodeToString(b[:])
}

// claimName makes name lead to container id: one link to its lock file, so
// there is one winner. A claim whose container is gone, is what Sweep would remove,
// or has got another name, is taken over. The caller holds the lock.
func (s *Store) claimName(ctx context.Context, name, id, lock string, stop StopFunc) error {
	for {
		err := link(lock, s.nameLink(name))
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		holder, _, err := readSign(s.nameLink(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // just released
		} else if err != nil {
			return err
		}
		if holder == id {
			return nil
		}
		if s.claimed(holder) {
			if !s.named(holder, name) {
				dropped, err := s.dropLeftName(holder, name)
				if err != nil {
					return err
				}
				if dropped {
					continue
				}
			}
			swept, err := s.sweepOne(ctx, holder, stop)
			if err != nil || !swept && !s.awaitRemoval(ctx, name) {
				return errors.Join(&NameTakenError{Name: name, ID: holder}, err)
			}
			continue
		}
		if err := s.dropStaleName(ctx, name); err != nil {
			return err
		}
	}
}

// awaitRemoval waits while somebody removes the container that has a name, for
// at most ten seconds. It reports whether there was something to wait for. The
// name is a link to the file that is locked, and goes before that does.
func (s *Store) awaitRemoval(ctx context.Context, name string) bool {
	ctx, cancel := context.WithTimeout(ctx, removalLimit)
	defer cancel()
	waited, held := false, false
	l, err := waitLock(ctx, s.nameLink(name), func(path string) (*heldLock, error) {
		l, err := tryLeavingLock(path)
		waited = waited || errors.Is(err, errLeaving)
		if held = errors.Is(err, errLocked) && !errors.Is(err, errLeaving); held {
			return nil, nil // by a new one that has the name
		}
		return l, err
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true
	case err != nil || held:
		return false
	}
	return l.unlock() == nil && waited
}

// claimed tells whether a claim by that ID counts: its container is there.
func (s *Store) claimed(id string) bool {
	if !checkID(id) {
		return false
	}
	// It may move from one to the other while we look.
	for _, dir := range []string{s.ephemeralDir(id), s.persistentDir(id), s.ephemeralDir(id)} {
		var st unix.Stat_t
		if unix.Lstat(dir, &st) == nil {
			return true
		}
	}
	return false
}

// dropStaleName removes the claim of a container that is gone. It looks again
// under a lock: in the meantime somebody else may have won the name.
func (s *Store) dropStaleName(ctx context.Context, name string) error {
	l, err := waitLock(ctx, s.nameLink(".lock"), func(path string) (*heldLock, error) {
		return openLock(path, unix.O_CREAT, lockWhole)
	})
	if err != nil {
		return err
	}
	defer l.unlock()
	holder, _, err := readSign(s.nameLink(name))
	if err != nil || s.claimed(holder) {
		return nil
	}
	return ondisk.Remove(s.nameLink(name))
}

// releaseName gives up the claim of container id, whose lock the caller
// holds.
func (s *Store) releaseName(name, id string) error {
	if CheckName(name) != nil {
		return nil
	}
	if holder, _, err := readSign(s.nameLink(name)); err != nil || holder != id {
		return nil
	}
	return ondisk.Remove(s.nameLink(name))
}

// namesOf finds the names of a container without a record: those that are
// links to its lock file.
func (s *Store) namesOf(lock string) ([]string, error) {
	all, err := ondisk.Names(s.tug("names"))
	if err != nil {
		return nil, err
	}
	var own unix.Stat_t
	if err := unix.Lstat(lock, &own); err != nil {
		return nil, &os.PathError{Op: "stat", Path: lock, Err: err}
	}
	return s.linkedTo(all, &own), nil
}

// linkedTo are those of names that are links to a file.
func (s *Store) linkedTo(names []string, file *unix.Stat_t) (found []string) {
	var st unix.Stat_t
	for _, name := range names {
		if unix.Lstat(s.nameLink(name), &st) == nil && st.Ino == file.Ino && st.Dev == file.Dev {
			found = append(found, name)
		}
	}
	return found
}

// dropNames removes the names that still lead to a container which is gone: one
// that it got while it was removed.
func (c *Container) dropNames() error {
	var own unix.Stat_t
	if err := unix.Fstat(c.lock.fd, &own); err != nil || own.Nlink == 0 {
		return err
	}
	all, err := ondisk.Names(c.store.tug("names"))
	for _, name := range c.store.linkedTo(all, &own) {
		err = errors.Join(err, ondisk.Remove(c.store.nameLink(name)))
	}
	return err
}

// NameTakenError says who has a name; it is ErrNameTaken.
type NameTakenError struct {
	Name string
	ID   string // of the container that has it
}

func (e *NameTakenError) Error() string {
	return fmt.Sprintf("the container name %q is already in use by %s: remove that container, or use --replace", e.Name, e.ID)
}

// Is makes the error an ErrNameTaken and one of class conflict.
func (e *NameTakenError) Is(target error) bool {
	return target == ErrNameTaken || target == errclass.Conflict
}
