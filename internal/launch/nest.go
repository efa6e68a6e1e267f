// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/rootdir"
	"github.com/tug-containers/tug/libstorage"
)

// nest is a directory of the host that is mounted into a container, and the mounts
// inside of it, in their order.
type nest struct {
	outer int // their indexes in the spec
	inner []int
	// paths are the places of inner in the directory.
	paths []string
}

// nest mounts by itself what is mounted inside a directory of the host, a volume
// for one, and leaves it to the runtime to mount that as a whole. Another
// container may change the directory at that very moment, and a runtime that goes
// by names then makes files, or mounts, where that leads it. What is asked for in
// a way that this cannot give, such as mounts that are shared with the host,
// remains the runtime's.
func (l *launcher) nest(ctx context.Context, rootfs string) error {
	if len(l.o.Exec.Mounts) == 0 {
		return nil
	}
	nests, err := findNests(rootfs, l.spec.Mounts)
	if err != nil {
		return err
	}
	var done []int
	for _, n := range nests {
		err := l.build(ctx, n)
		if errors.Is(err, unix.ENOSYS) {
			l.o.note("mounts inside others are left to the runtime: Linux before 5.12")
			return nil
		}
		if err != nil {
			return err
		}
		done = append(done, n.inner...)
	}
	var rest []specs.Mount
	for i, m := range l.spec.Mounts {
		if !slices.Contains(done, i) {
			rest = append(rest, m)
		}
	}
	l.spec.Mounts = rest
	return nil
}

// findNests goes through the mounts of a container in the order of the spec; no
// runtime has another.
func findNests(rootfs string, mounts []specs.Mount) ([]*nest, error) {
	root, err := rootdir.Open(rootfs)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	places := make([]string, 0, len(mounts))
	var nests []*nest
	for i, m := range mounts {
		// A tmpfs that begins with a copy has the image's links.
		hidden := func(p string) bool {
			for j, place := range places {
				if inside(p, place) && !slices.Contains(mounts[j].Options, "tmpcopyup") {
					return true
				}
			}
			return false
		}
		place, _, _, err := root.Resolve(m.Destination, hidden)
		if err != nil {
			return nil, errclass.New(errclass.Usage, m.Destination, fmt.Errorf("mount %s: %w", m.Destination, err))
		}
		places = append(places, place)
		if m.Type != "bind" && m.Type != "tmpfs" {
			continue
		}
		within := func(n *nest) bool { return inside(place, places[n.outer]) }
		switch at := slices.IndexFunc(nests, within); {
		case at >= 0:
			n := nests[at]
			n.inner = append(n.inner, i)
			n.paths = append(n.paths, strings.TrimPrefix(place, places[n.outer]))
		case m.Type == "bind":
			if info, err := os.Stat(m.Source); err == nil && info.IsDir() {
				nests = append(nests, &nest{outer: i})
			}
		}
	}
	return slices.DeleteFunc(nests, func(n *nest) bool {
		all := append([]int{n.outer}, n.inner...)
		return len(n.inner) == 0 || slices.ContainsFunc(all, func(i int) bool { return !nestable(&mounts[i]) })
	}), nil
}

func inside(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

// nestable tells whether nested says all that there is to say of a mount.
func nestable(m *specs.Mount) bool {
	for _, option := range m.Options {
		_, flag := attributes[option]
		_, other := without[option]
		value := m.Type == "tmpfs" && strings.Contains(option, "=")
		if !flag && !other && !value {
			return false
		}
	}
	return m.UIDMappings == nil && m.GIDMappings == nil
}

// attributes are the options that are flags, and without are those that change
// nothing here, or that nested looks for.
var (
	attributes = map[string]uint64{
		"ro": unix.MOUNT_ATTR_RDONLY, "nosuid": unix.MOUNT_ATTR_NOSUID, "nodev": unix.MOUNT_ATTR_NODEV, "noexec": unix.MOUNT_ATTR_NOEXEC,
	}
	without = map[string]struct{}{
		"rw": {}, "suid": {}, "dev": {}, "exec": {}, "bind": {}, "rbind": {}, "private": {}, "rprivate": {}, "tmpcopyup": {},
	}
)

func nested(m *specs.Mount) libstorage.NestedMount {
	n := libstorage.NestedMount{Recursive: slices.Contains(m.Options, "rbind"), CopyUp: slices.Contains(m.Options, "tmpcopyup")}
	if m.Type == "bind" {
		n.Source = m.Source
	}
	for _, option := range m.Options {
		n.Attr |= attributes[option]
		if m.Type == "tmpfs" && strings.Contains(option, "=") {
			n.Tmpfs = append(n.Tmpfs, option)
		}
	}
	return n
}

// build mounts a nest, and makes it the source of its outermost mount.
func (l *launcher) build(ctx context.Context, n *nest) error {
	outer := &l.spec.Mounts[n.outer]
	made, err := l.container.MountNest(nested(outer))
	if err != nil {
		return nestError(outer, err)
	}
	defer made.Close()
	for i, at := range n.inner {
		m := &l.spec.Mounts[at]
		if err := made.Mount(ctx, n.paths[i], nested(m)); err != nil {
			return nestError(m, err)
		}
	}
	outer.Source = made.Path
	outer.Options = slices.DeleteFunc(slices.Clone(outer.Options), func(o string) bool { return o == "bind" || o == "rbind" })
	outer.Options = append(outer.Options, "rbind")
	return nil
}

func nestError(m *specs.Mount, err error) error {
	return errclass.New(errclass.Usage, m.Destination, fmt.Errorf("mount %s: %w", m.Destination, err))
}
