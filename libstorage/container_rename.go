// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/ondisk"
)

// A container is renamed in three steps: its lock file gets the new name as a
// further link, which one of several can win; the record says the new name; the
// link of the old one goes. The second step decides. Of a killed command one name
// too many is left, which finds nothing: a name counts when the record says it.
// Whoever gets the lock next sees by the number of links that there is one, and
// removes it, as does who wants that name.

// RenameContainer waits a while for who is at work on the container, and renames
// it; one that an attached run holds until it ends, without its lock.
func (s *Store) RenameContainer(ctx context.Context, nameOrID, name string) error {
	if err := s.writable(); err != nil {
		return err
	}
	info, err := s.Container(ctx, nameOrID)
	if err != nil {
		return err
	}
	c, err := s.waitContainer(ctx, info.Record.ID)
	if errors.Is(err, ErrContainerLocked) {
		held, rerr := s.renameHeld(ctx, info.Record.ID, name)
		if held {
			err = rerr
		}
		return err
	}
	if err != nil {
		return err
	}
	return errors.Join(c.Rename(ctx, name), c.Close())
}

// Rename gives a container another name. It is ErrNameTaken when another one
// has it. That of a persistent container survives a power cut when Rename has
// returned.
func (c *Container) Rename(ctx context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	old := c.record.Name
	if name == old {
		return nil
	}
	if err := c.store.claimName(ctx, name, c.ID(), c.lock.path, nil); err != nil {
		return err
	}
	durable := !c.record.Ephemeral
	r := c.record
	r.Name = name
	var err error
	if durable {
		err = ondisk.SyncDir(c.store.tug("names"))
	}
	if err == nil {
		err = c.write(&r, durable)
	}
	if err != nil {
		// What the disk has of it decides, for who gets the lock next.
		return containerError(classOf(err), c.ID(), err)
	}
	c.record = r
	if err = c.store.releaseName(old, c.ID()); err == nil && durable {
		err = ondisk.SyncDir(c.store.tug("names"))
	}
	if err != nil {
		return containerError(classOf(err), c.ID(), err)
	}
	return nil
}

// renamingFile is locked in the run directory by who renames a container without
// its lock.
const renamingFile = "renaming"

// renameHeld renames a container that an attached run holds; it reports whether it
// is one. Who runs a container writes nothing to its record after the process is
// noted in it, reads the name there when it removes the container, and removes
// every link of the lock file. So the steps are those of Rename.
func (s *Store) renameHeld(ctx context.Context, id, name string) (held bool, err error) {
	info, err := s.readContainer(id)
	if err != nil || info.Err != nil || !info.Record.Ephemeral || info.Record.State() != Running || info.Monitored() {
		return false, err
	}
	l, err := waitLock(ctx, filepath.Join(info.RunDir, renamingFile), func(path string) (*heldLock, error) {
		return openLock(path, unix.O_CREAT, lockWhole)
	})
	if err != nil {
		return true, containerError(classOf(err), id, err)
	}
	defer func() { err = errors.Join(err, l.unlock()) }()
	if info, err = s.readContainer(id); err != nil || info.Err != nil {
		return true, errors.Join(err, info.Err)
	}
	r := info.Record
	old := r.Name
	if name == old {
		return true, nil
	}
	if err := CheckName(name); err != nil {
		return true, err
	}
	if err := s.claimName(ctx, name, id, filepath.Join(info.Dir, lockFile), nil); err != nil {
		return true, err
	}
	r.Name = name
	c := s.container(info, nil)
	if err = c.write(&r, false); err != nil {
		return true, errors.Join(err, s.releaseName(name, id))
	}
	if !s.claimed(id) { // removed meanwhile
		return true, errors.Join(unknownContainer(id), s.releaseName(name, id))
	}
	if err := s.releaseName(old, id); err != nil {
		return true, containerError(classOf(err), id, err)
	}
	return true, nil
}

// RefreshName reads the container's name again: somebody may have renamed it while
// it ran, see RenameContainer.
func (c *Container) RefreshName() {
	if r, err := readRecord(c.ID(), c.recordPath()); err == nil {
		c.record.Name = r.Name
	}
}

// settleNames removes the name that a killed Rename left over. A lock file has
// one link in the container's directory, and one for its name.
func (c *Container) settleNames() error {
	links, err := c.lock.links()
	if err != nil || links <= 2 {
		return err
	}
	names, err := c.store.namesOf(c.lock.path)
	for _, name := range names {
		if name != c.record.Name {
			err = errors.Join(err, ondisk.Remove(c.store.nameLink(name)))
		}
	}
	return err
}

// named tells whether a name that leads to a container is its own. Where the
// record cannot be read, the link is all that there is.
func (s *Store) named(id, name string) bool {
	info, err := s.readContainer(id)
	return err != nil || info.Err != nil || info.Record.Name == name
}

// dropLeftName removes a name that leads to container id and is not its own, if
// nobody is at work on it. It reports whether the name is gone.
func (s *Store) dropLeftName(id, name string) (bool, error) {
	for _, dir := range []string{s.ephemeralDir(id), s.persistentDir(id)} {
		path := filepath.Join(dir, lockFile)
		l, err := tryLock(path)
		if err != nil {
			continue
		}
		var st, own unix.Stat_t
		if !s.named(id, name) && unix.Lstat(s.nameLink(name), &st) == nil && unix.Fstat(l.fd, &own) == nil && st.Ino == own.Ino {
			return true, errors.Join(ondisk.Remove(s.nameLink(name)), l.unlock())
		}
		if err := l.unlock(); err != nil {
			return false, err
		}
	}
	return false, nil
}
