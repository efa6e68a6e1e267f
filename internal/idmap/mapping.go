// SPDX-License-Identifier: Apache-2.0

// Package idmap has the numbers of users and groups in a user namespace, and which
// of the host's, or of the namespace around it, stand for them.
package idmap

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// On the disk, the layers of an image and what a container changed have the
// container's numbers; a mount that is mapped (mount_setattr(2)) shows them as the
// host's, and the container, whose namespace has the same mapping, sees its own
// again.

// Range maps Size numbers from Container on to those from Host on.
type Range struct {
	Container uint32 `json:"container"`
	Host      uint32 `json:"host"`
	Size      uint32 `json:"size"`
}

// Mapping is that of a user namespace. Its zero value is that of no namespace:
// numbers are what they are.
type Mapping struct {
	UIDs []Range `json:"uids,omitempty"`
	GIDs []Range `json:"gids,omitempty"`
}

// Most is how many ranges the kernel takes for one namespace.
const Most = 340

// Own are the ids of the user namespace that this process is in; nil in the one that
// the host began with, which has all. Whoever needs them reads them once.
func Own() (*Mapping, error) {
	var m Mapping
	for _, kind := range []struct {
		file string
		to   *[]Range
	}{{"/proc/self/uid_map", &m.UIDs}, {"/proc/self/gid_map", &m.GIDs}} {
		text, err := os.ReadFile(kind.file)
		if err != nil {
			return nil, err
		}
		if *kind.to, err = ReadMap(string(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", kind.file, err)
		}
		if len(*kind.to) == 0 {
			return nil, fmt.Errorf("%s: this user namespace has no ids", kind.file)
		}
		if m.UIDs[0] == (Range{Size: 1<<32 - 1}) {
			return nil, nil
		}
	}
	return &m, nil
}

// IsZero tells that there is no namespace.
func (m *Mapping) IsZero() bool { return m == nil || len(m.UIDs) == 0 && len(m.GIDs) == 0 }

// Identity tells that all numbers stand for themselves, so that nothing is to be
// mapped on a disk.
func (m *Mapping) Identity() bool {
	if m.IsZero() {
		return true
	}
	same := func(r Range) bool { return r.Container == r.Host }
	return !slices.ContainsFunc(m.UIDs, func(r Range) bool { return !same(r) }) && !slices.ContainsFunc(m.GIDs, func(r Range) bool { return !same(r) })
}

// Host gives the host's numbers for the container's; ok is false where one has
// none.
func (m *Mapping) Host(uid, gid uint32) (hostUID, hostGID uint32, ok bool) {
	if m.IsZero() {
		return uid, gid, true
	}
	hostUID, okUID := ToHost(m.UIDs, uid)
	hostGID, okGID := ToHost(m.GIDs, gid)
	return hostUID, hostGID, okUID && okGID
}

// HasUID and HasGID tell whether there is such a number in the namespace.
func (m *Mapping) HasUID(id uint32) bool { return m.IsZero() || has(m.UIDs, id) }

// HasGID is HasUID for groups.
func (m *Mapping) HasGID(id uint32) bool { return m.IsZero() || has(m.GIDs, id) }

func has(ranges []Range, id uint32) bool {
	_, ok := ToHost(ranges, id)
	return ok
}

// Users is how many users a namespace has.
func (m *Mapping) Users() (n uint64) {
	for _, r := range m.UIDs {
		n += uint64(r.Size)
	}
	return n
}

// Inside gives the container's numbers for the host's. What has none there is
// Nobody, as the container sees it.
func (m *Mapping) Inside(uid, gid uint32) (uint32, uint32) {
	if m.IsZero() {
		return uid, gid
	}
	return toContainer(m.UIDs, uid), toContainer(m.GIDs, gid)
}

// Root is whom the container's first user and group are on the host: of 0, or of
// the least number that is mapped.
func (m *Mapping) Root() (uid, gid uint32) {
	if m.IsZero() {
		return 0, 0
	}
	return first(m.UIDs), first(m.GIDs)
}

// Nobody stands for numbers that are not mapped.
const Nobody = 65534

// ToHost gives the host's number for one of the container's.
func ToHost(ranges []Range, id uint32) (uint32, bool) {
	for _, r := range ranges {
		if id >= r.Container && id-r.Container < r.Size {
			return r.Host + (id - r.Container), true
		}
	}
	return 0, false
}

// HasHost tells whether one of the host's numbers is mapped.
func HasHost(ranges []Range, id uint32) bool {
	return slices.ContainsFunc(ranges, func(r Range) bool { return id >= r.Host && id-r.Host < r.Size })
}

func toContainer(ranges []Range, id uint32) uint32 {
	for _, r := range ranges {
		if id >= r.Host && id-r.Host < r.Size {
			return r.Container + (id - r.Host)
		}
	}
	return Nobody
}

func first(ranges []Range) uint32 {
	least := slices.MinFunc(ranges, func(a, b Range) int { return int(int64(a.Container) - int64(b.Container)) })
	return least.Host
}

// Check refuses what the kernel would refuse without saying why.
func (m *Mapping) Check() error {
	for _, kind := range []struct {
		what   string
		ranges []Range
	}{{"uid", m.UIDs}, {"gid", m.GIDs}} {
		what, ranges := kind.what, kind.ranges
		switch {
		case len(ranges) == 0:
			return fmt.Errorf("%s mapping: empty", what)
		case len(ranges) > Most:
			return fmt.Errorf("%s mapping: %d ranges, more than %d", what, len(ranges), Most)
		}
		for i, r := range ranges {
			if r.Size == 0 || uint64(r.Container)+uint64(r.Size) > 1<<32 || uint64(r.Host)+uint64(r.Size) > 1<<32 {
				return fmt.Errorf("%s mapping %s: out of range", what, r)
			}
			for _, o := range ranges[:i] {
				if overlap(r.Container, r.Size, o.Container, o.Size) || overlap(r.Host, r.Size, o.Host, o.Size) {
					return fmt.Errorf("%s mappings %s and %s overlap", what, o, r)
				}
			}
		}
	}
	return nil
}

func overlap(a, sizeA, b, sizeB uint32) bool {
	return uint64(a) < uint64(b)+uint64(sizeB) && uint64(b) < uint64(a)+uint64(sizeA)
}

// String is CONTAINER:HOST:SIZE.
func (r Range) String() string { return fmt.Sprintf("%d:%d:%d", r.Container, r.Host, r.Size) }

// Parse reads CONTAINER:HOST[:SIZE].
func Parse(s string) (Range, error) {
	parts := strings.Split(s, ":")
	if len(parts) == 2 {
		parts = append(parts, "1")
	}
	if len(parts) != 3 {
		return Range{}, fmt.Errorf("%q: not CONTAINER:HOST:SIZE", s)
	}
	var numbers [3]uint32
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return Range{}, fmt.Errorf("%q: not CONTAINER:HOST:SIZE", s)
		}
		numbers[i] = uint32(n)
	}
	return Range{numbers[0], numbers[1], numbers[2]}, nil
}

// ReadMap reads the lines of /proc/PID/uid_map.
func ReadMap(text string) (ranges []Range, err error) {
	for line := range strings.Lines(text) {
		var r Range
		if _, err := fmt.Sscan(line, &r.Container, &r.Host, &r.Size); err != nil {
			return nil, fmt.Errorf("mapping %q: %w", strings.TrimSpace(line), err)
		}
		ranges = append(ranges, r)
	}
	return ranges, nil
}
