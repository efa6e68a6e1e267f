// SPDX-License-Identifier: Apache-2.0

package userns

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"

	"github.com/moby/sys/user"
	"github.com/tug-containers/tug/internal/errclass"
)

// The files in which a host says which further IDs are whose.
const (
	subuidFile = "/etc/subuid"
	subgidFile = "/etc/subgid"
)

// maxRanges is what the kernel takes in a map, the user's own ID being one more.
const maxRanges = 339

// mapsOf are the maps of a user: the own ID is 0, and the subordinate ones follow
// from 1 on. Without any of those there is the own ID alone.
func mapsOf(uid, gid int) (*maps, error) {
	name := nameOf(uid)
	uids, err := subordinate(subuidFile, name, uid)
	if err != nil {
		return nil, err
	}
	gids, err := subordinate(subgidFile, name, uid)
	if err != nil {
		return nil, err
	}
	m := &maps{uids: idMap{{0, uid, 1}}, gids: idMap{{0, gid, 1}}}
	switch {
	case len(uids) == 0 && len(gids) == 0:
		m.single = true
		return m, nil
	case len(uids) == 0:
		return nil, missing(subuidFile, name, uid)
	case len(gids) == 0:
		return nil, missing(subgidFile, name, uid)
	}
	m.uids, m.gids = append(m.uids, uids...), append(m.gids, gids...)
	return m, nil
}

func missing(file, name string, uid int) error {
	return errclass.New(errclass.Usage, file, fmt.Errorf("%s has no entry for %s, though the other file has: "+
		"usermod --add-subuids or --add-subgids adds one", file, who(name, uid)))
}

func who(name string, uid int) string {
	if name == "" {
		return "user " + strconv.Itoa(uid)
	}
	return "user " + name
}

// nameOf is the name of a user; "" for one that the passwd file does not know.
func nameOf(uid int) string {
	u, err := user.LookupUid(uid)
	if err != nil {
		return ""
	}
	return u.Name
}

// subordinate reads a user's ranges. Ranges that cannot be right are refused: of
// two users that share an ID each could read and kill what is the other's.
func subordinate(file, name string, uid int) (idMap, error) {
	number := strconv.Itoa(uid)
	mine := func(s user.SubID) bool { return s.Name == number || name != "" && s.Name == name }
	own, err := user.ParseSubIDFileFilter(file, mine)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(own) == 0 {
		return nil, nil
	} else if err != nil {
		return nil, errclass.New(errclass.Usage, file, fmt.Errorf("%s: %w", file, err))
	}
	others, err := user.ParseSubIDFileFilter(file, func(s user.SubID) bool {
		return !mine(s) && slices.ContainsFunc(own, func(o user.SubID) bool { return overlap(s, o) })
	})
	if err != nil {
		return nil, errclass.New(errclass.Usage, file, fmt.Errorf("%s: %w", file, err))
	}
	var m idMap
	next := 1
	for i, s := range own {
		if s.SubID <= 0 || s.Count <= 0 || s.SubID > math.MaxUint32-s.Count {
			return nil, badRange(file, s, "not a range of IDs")
		}
		if overlap(s, user.SubID{SubID: int64(uid), Count: 1}) {
			return nil, badRange(file, s, "the user's own ID is in it")
		}
		for _, o := range slices.Concat(own[:i], others) {
			if overlap(s, o) {
				return nil, badRange(file, s, fmt.Sprintf("it overlaps with %s:%d:%d", o.Name, o.SubID, o.Count))
			}
		}
		if len(m) == maxRanges {
			return nil, badRange(file, s, fmt.Sprintf("a map can have %d ranges", maxRanges))
		}
		m = append(m, idRange{next, int(s.SubID), int(s.Count)})
		next += int(s.Count)
	}
	return m, nil
}

func overlap(a, b user.SubID) bool {
	return a.SubID < b.SubID+b.Count && b.SubID < a.SubID+a.Count
}

func badRange(file string, s user.SubID, why string) error {
	return errclass.New(errclass.Usage, file, fmt.Errorf("%s: %s:%d:%d: %s", file, s.Name, s.SubID, s.Count, why))
}
