// SPDX-License-Identifier: Apache-2.0

// Package treediff tells what differs between two root file systems that are
// stacks of layers, as an overlay lays them over each other. Nothing is mounted:
// the layers are read, and those that both trees end with are not, but where
// something above them changed.
//
// Every file is reached from the descriptor of the directory above it, and no
// link is followed, so that a container that changes its files meanwhile leads
// nowhere else.
package treediff

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"

	"github.com/tug-containers/tug/internal/idmap"
	"github.com/tug-containers/tug/internal/rootdir"
)

// Kind is what happened to a file.
type Kind string

// The kinds, as podman-diff(1) has them.
const (
	Added   Kind = "A"
	Changed Kind = "C"
	Deleted Kind = "D"
)

// Change is one file that differs. Of a directory that was deleted, what was in
// it is not listed.
type Change struct {
	Kind Kind
	Path string
}

// Tree is the directories that make a root file system, the uppermost first.
type Tree []string

// Compare lists what differs in now from before: directories before what is in
// them, and otherwise in the order of names. When before is the lower part of
// now, whatever is in the layers above it counts as changed. Otherwise files
// are the same that have the same kind, mode, owner, size, time and link text.
func Compare(ctx context.Context, before, now Tree) (changes []Change, err error) {
	shared := 0
	for shared < min(len(before), len(now)) && before[len(before)-1-shared] == now[len(now)-1-shared] {
		shared++
	}
	c := &comparison{ctx: ctx, above: shared == len(before)}
	a, err := open(now, shared)
	defer func() { err = errors.Join(err, a.close()) }()
	if err != nil {
		return nil, err
	}
	b, err := open(before, shared)
	defer func() { err = errors.Join(err, b.close()) }()
	if err != nil {
		return nil, err
	}
	err = c.directory("/", b, a)
	return c.changes, err
}

type comparison struct {
	ctx     context.Context
	above   bool // before is the lower part of now
	changes []Change
}

// directory is one directory of a tree: those of the layers that show through.
type directory []layer

type layer struct {
	*os.File
	number int // counted from below, so that shared layers have the same
	shared bool
	notes  string // what the notes of the overlay begin with
}

func open(t Tree, shared int) (directory, error) {
	var d directory
	notes, err := idmap.OverlayPrefix()
	if err != nil {
		return nil, err
	}
	for i, name := range t {
		number := len(t) - 1 - i
		root, err := rootdir.Open(name)
		if err != nil {
			return d, err
		}
		f, err := root.OpenDir("/")
		if err = errors.Join(err, root.Close()); err != nil {
			return d, err
		}
		d = append(d, layer{f, number, number < shared, notes})
	}
	return d, nil
}

func (d directory) close() error {
	var errs []error
	for _, l := range d {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// shares counts the layers that both trees have: none where something above
// hides them.
func (d directory) shares() int {
	n := 0
	for _, l := range d {
		if l.shared {
			n++
		}
	}
	return n
}

// names adds what is in the directory; without all, in its own layers only.
func (d directory) names(into map[string]bool, all bool) error {
	for _, l := range d {
		if l.shared && !all {
			continue
		}
		names, err := l.Readdirnames(-1)
		if err != nil {
			return fmt.Errorf("read %s: %w", l.Name(), err)
		}
		for _, name := range names {
			into[name] = true
		}
	}
	return nil
}

// directory compares two directories with the same name.
func (c *comparison) directory(name string, before, now directory) error {
	names := map[string]bool{}
	all := before.shares() != now.shares()
	if err := errors.Join(before.names(names, all), now.names(names, all)); err != nil {
		return err
	}
	for _, base := range slices.Sorted(maps.Keys(names)) {
		if err := context.Cause(c.ctx); err != nil {
			return err
		}
		if err := c.entry(path.Join(name, base), base, before, now); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) entry(name, base string, before, now directory) (err error) {
	was, err := before.look(base, name)
	defer func() { err = errors.Join(err, was.dirs.close()) }()
	if err != nil {
		return err
	}
	is, err := now.look(base, name)
	defer func() { err = errors.Join(err, is.dirs.close()) }()
	switch {
	case err != nil || !was.there && !is.there:
		return err
	case !is.there:
		c.changes = append(c.changes, Change{Deleted, name})
		return nil
	case !was.there:
		c.changes = append(c.changes, Change{Added, name})
		return c.directory(name, nil, is.dirs)
	}
	at := len(c.changes)
	c.changes = append(c.changes, Change{Changed, name})
	if is.dirs != nil {
		if err := c.directory(name, was.dirs, is.dirs); err != nil {
			return err
		}
	}
	if len(c.changes) == at+1 && c.same(&was, &is) {
		c.changes = c.changes[:at]
	}
	return nil
}

func (c *comparison) same(was, is *entry) bool {
	switch {
	case is.dirs != nil && was.dirs != nil:
		return was.st.Mode == is.st.Mode && was.st.Uid == is.st.Uid && was.st.Gid == is.st.Gid && (!c.above || was.st.Mtim == is.st.Mtim)
	case is.layer.shared && was.layer.shared && is.layer.number == was.layer.number:
		return true
	case c.above:
		return false
	}
	return was.st.Mode == is.st.Mode && was.st.Uid == is.st.Uid && was.st.Gid == is.st.Gid && was.st.Size == is.st.Size &&
		was.st.Rdev == is.st.Rdev && was.st.Mtim == is.st.Mtim && was.link == is.link
}
