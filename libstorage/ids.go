// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.podman.io/storage/pkg/homedir"
	"go.podman.io/storage/pkg/unshare"
	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/idmap"
	"github.com/tug-containers/tug/internal/ondisk"
)

// AutoIDs ask for ids that no other container of this host has.
type AutoIDs struct {
	// Size is how many; 0 is as many as the image uses, and at least 1024.
	Size uint32
	// UIDs and GIDs are mapped as they are, beside those that are chosen.
	UIDs, GIDs []idmap.Range
}

// AutoUser is the user whose ranges in /etc/subuid and /etc/subgid the ids of
// containers are taken from, as podman does.
const AutoUser = "containers"

const (
	autoLeast = 1024
	autoMost  = 1 << 16
)

// idsDir is where the stores meet whose containers share ids, those of this host or
// of this user: one file is the lock of who chooses, and there is a link to each
// store that has chosen.
func idsDir() (string, error) {
	run := "/run"
	if unshare.GetRootlessUID() != 0 {
		var err error
		if run, err = homedir.GetRuntimeDir(); err != nil {
			return "", err
		}
	}
	return filepath.Join(run, "tug"), nil
}

// storeLink is what the names of those links begin with.
const storeLink = "store-"

// idsLimit is how long one waits for who chooses.
const idsLimit = 30 * time.Second

// chooseIDs takes ids for the container, and holds the lock until done is called:
// by then they are in its record, or it is gone and they are free.
func (c *Container) chooseIDs(ctx context.Context, o *AutoIDs) (done func(), err error) {
	defer func() {
		if err != nil {
			err = errclass.New(classOf(err), "--userns", fmt.Errorf("userns auto: %w", err))
		}
	}()
	size := o.Size
	if size == 0 {
		if size, err = c.store.imageIDs(ctx, &c.record); err != nil {
			return nil, err
		}
	}
	pool, err := readPool()
	if err != nil {
		return nil, err
	}
	dir, err := idsDir()
	if err != nil {
		return nil, err
	}
	l, err := c.store.lockIDs(ctx, dir)
	if err != nil {
		return nil, err
	}
	taken, err := c.store.takenIDs(ctx, dir)
	if err == nil {
		var ids idmap.Mapping
		if ids.UIDs, err = pool.uids.choose("uid", size, o.UIDs, taken.UIDs); err == nil {
			ids.GIDs, err = pool.gids.choose("gid", size, o.GIDs, taken.GIDs)
		}
		if err == nil {
			c.record.IDs, err = &ids, ids.Check()
		}
	}
	if err != nil {
		return nil, errors.Join(err, l.unlock())
	}
	return func() { _ = l.unlock() }, nil // a lock that we close is free in any case
}

// lockIDs is for who chooses ids: one at a time. The store is known to the others
// from then on.
func (s *Store) lockIDs(ctx context.Context, dir string) (*heldLock, error) {
	if err := privateDir(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "ids.lock")
	// Whoever has it chooses, and writes a record; one that was stopped meanwhile is
	// named in the error.
	limited, cancel := context.WithTimeoutCause(ctx, idsLimit, errors.New("it took too long"))
	defer cancel()
	l, err := waitLock(limited, path, func(path string) (*heldLock, error) { return openLock(path, unix.O_CREAT, lockWhole) })
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(s.root))
	err = os.Symlink(s.root, filepath.Join(dir, fmt.Sprintf("%s%x", storeLink, sum[:8])))
	if err != nil && !errors.Is(err, os.ErrExist) {
		return nil, errors.Join(err, l.unlock())
	}
	return l, nil
}

// privateDir makes a directory that nobody else can have made.
func privateDir(dir string) error {
	if err := mkdir(dir); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() || info.Mode().Perm()&0o022 != 0 || !ownedByUs(info) {
		return fmt.Errorf("%s: not a directory of ours alone", dir)
	}
	return nil
}

// takenIDs are the host's ids that somebody has: the containers of all stores that
// are known in dir, those of podman and buildah in this one, and whatever runs in a
// user namespace now.
func (s *Store) takenIDs(ctx context.Context, dir string) (taken idmap.Mapping, err error) {
	add := func(ids *idmap.Mapping) {
		if !ids.IsZero() {
			taken.UIDs, taken.GIDs = append(taken.UIDs, ids.UIDs...), append(taken.GIDs, ids.GIDs...)
		}
	}
	roots := []string{s.root}
	names, err := ondisk.Names(dir)
	if err != nil {
		return taken, err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, storeLink) {
			continue
		}
		if root, err := os.Readlink(filepath.Join(dir, name)); err == nil && root != s.root && filepath.IsAbs(root) {
			roots = append(roots, root)
		}
	}
	for _, root := range roots {
		// A container's lock file says where in which run root its record is.
		other := Records{root: root, runRoot: s.runRoot}
		list, err := other.Containers(ctx)
		if err != nil && root == s.root {
			return taken, err
		}
		for i := range list {
			add(list[i].Record.IDs)
		}
	}
	theirs, err := s.lib.Containers()
	if err != nil {
		return taken, fmt.Errorf("containers of the store: %w", err)
	}
	for i := range theirs {
		for _, m := range theirs[i].UIDMap {
			taken.UIDs = append(taken.UIDs, idmap.Range{Host: uint32(m.HostID), Size: uint32(m.Size)})
		}
		for _, m := range theirs[i].GIDMap {
			taken.GIDs = append(taken.GIDs, idmap.Range{Host: uint32(m.HostID), Size: uint32(m.Size)})
		}
	}
	running, err := runningIDs()
	add(&running)
	return taken, err
}

// runningIDs are the ids of all user namespaces with a process that can be seen,
// but for ours.
func runningIDs() (all idmap.Mapping, err error) {
	own, err := os.Readlink("/proc/self/ns/user")
	if err != nil {
		return all, err
	}
	seen := map[string]bool{own: true}
	procs, err := os.ReadDir("/proc")
	if err != nil {
		return all, err
	}
	for _, proc := range procs {
		if name := proc.Name(); !isDigit(name[0]) {
			continue
		}
		namespace, err := os.Readlink("/proc/" + proc.Name() + "/ns/user")
		if err != nil || seen[namespace] {
			continue // it has ended
		}
		seen[namespace] = true
		for _, m := range []struct {
			file string
			to   *[]idmap.Range
		}{{"uid_map", &all.UIDs}, {"gid_map", &all.GIDs}} {
			text, err := os.ReadFile("/proc/" + proc.Name() + "/" + m.file)
			if err != nil {
				continue
			}
			ranges, err := idmap.ReadMap(string(text))
			if err != nil {
				return all, err
			}
			*m.to = append(*m.to, ranges...)
		}
	}
	return all, nil
}

// idPool are the host's ids that containers may have.
type idPool struct{ uids, gids SubIDs }

func readPool() (pool idPool, err error) {
	inner, err := idmap.Own()
	if err != nil {
		return pool, err
	}
	if inner != nil {
		// All that we have but our own.
		return idPool{uids: SubIDs{file: "/proc/self/uid_map", ranges: innerRanges(inner.UIDs)}, gids: SubIDs{file: "/proc/self/gid_map", ranges: innerRanges(inner.GIDs)}}, nil
	}
	if pool.uids, err = ReadSubIDs("/etc/subuid", AutoUser); err == nil {
		pool.gids, err = ReadSubIDs("/etc/subgid", AutoUser)
	}
	return pool, err
}

func innerRanges(ranges []idmap.Range) (list []idmap.Range) {
	for _, r := range ranges {
		if r.Container == 0 {
			r.Container, r.Size = 1, r.Size-1
		}
		if r.Size > 0 {
			list = append(list, idmap.Range{Host: r.Container, Size: r.Size})
		}
	}
	return list
}

// explainPool says what to write where.
func explainPool(file, user string) error {
	line := user + ":2147483647:2147483648"
	return errclass.New(errclass.Unsupported, file, fmt.Errorf("%s has no range for the user %s: add the line %s to it", file, user, strings.TrimSpace(line)))
}
