// SPDX-License-Identifier: Apache-2.0

package userns

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/moby/sys/user"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/idmap"
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
	all, err := idmap.ReadSubIDs(file)
	if err != nil {
		return nil, errclass.New(errclass.Usage, file, err)
	}
	number := strconv.Itoa(uid)
	var own, others []idmap.SubID
	for _, s := range all {
		switch {
		case s.Owner == number || name != "" && s.Owner == name:
			own = append(own, s)
		case s.Bad == nil:
			others = append(others, s)
		}
	}
	var m idMap
	next := 1
	for i, s := range own {
		if s.Bad != nil {
			return nil, badRange(file, s, "not a range of IDs: "+s.Bad.Error())
		}
		if s.Count == 0 {
			return nil, badRange(file, s, "not a range of IDs")
		}
		if s.Overlaps(idmap.SubID{First: uint64(uid), Count: 1}) {
			return nil, badRange(file, s, "the user's own ID is in it")
		}
		for _, o := range slices.Concat(own[:i], others) {
			if s.Overlaps(o) {
				return nil, badRange(file, s, "it overlaps with "+o.String())
			}
		}
		if len(m) == maxRanges {
			return nil, badRange(file, s, fmt.Sprintf("a map can have %d ranges", maxRanges))
		}
		m = append(m, idRange{next, int(s.First), int(s.Count)})
		next += int(s.Count)
	}
	return m, nil
}

func badRange(file string, s idmap.SubID, why string) error {
	return errclass.New(errclass.Usage, file, fmt.Errorf("%s: %s: %s", file, s, why))
}
