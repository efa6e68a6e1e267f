// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A container is renamed in three steps: its lock file gets the new name as a
// further link, which one of several can win; the record says the new name; the
// link of the old one goes. The second step decides. Of a killed command one name
// too many is left, which finds nothing: a name counts when the record says it.
// Whoever gets the lock next sees by the number of links that there is one, and
// removes it, as does who wants that name.

// RenameContainer waits a while for who is at work on the container, and renames
// it. One that an attached run holds until it ends cannot be renamed.
func (s *Store) RenameContainer(ctx context.Context, nameOrID, name string) error {
	if err := s.writable(); err != nil {
		return err
	}
	info, err := s.Container(ctx, nameOrID)
	if err != nil {
		return err
	}
	c, err := s.waitContainer(ctx, info.Record.ID)
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
		err = syncDir(c.store.tug("names"))
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
		err = syncDir(c.store.tug("names"))
	}
	if err != nil {
		return containerError(classOf(err), c.ID(), err)
	}
	return nil
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
			err = errors.Join(err, removeFile(c.store.nameLink(name)))
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
			return true, errors.Join(removeFile(s.nameLink(name)), l.unlock())
		}
		if err := l.unlock(); err != nil {
			return false, err
		}
	}
	return false, nil
}
