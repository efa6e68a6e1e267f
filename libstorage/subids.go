// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/idmap"
)

// SubIDs are the ranges that a file gives to a user.
type SubIDs struct {
	file, user string
	ranges     []idmap.Range // Host and Size
}

// Ranges are the host's, in the order of the file.
func (s SubIDs) Ranges() []idmap.Range { return s.ranges }

// ReadSubIDs reads the ranges of a user, by name or number, from a file of lines
// USER:FIRST:COUNT. None is an error that says what to add.
func ReadSubIDs(file, user string) (SubIDs, error) {
	s := SubIDs{file: file, user: user}
	all, err := idmap.ReadSubIDs(file)
	if err != nil {
		return s, err
	}
	for _, line := range all {
		switch {
		case line.Owner != user:
		case line.Bad != nil:
			return s, errclass.New(errclass.Usage, file, fmt.Errorf("%s:%d: %q: %w", file, line.Line, line, line.Bad))
		case line.Count > 0:
			s.ranges = append(s.ranges, idmap.Range{Host: uint32(line.First), Size: uint32(line.Count)})
		}
	}
	if len(s.ranges) == 0 {
		return s, explainPool(file, user)
	}
	return s, nil
}

// choose takes size numbers of a container, from 0 on, and gives those that fixed
// does not map one of the pool's that nobody has: in one piece where there is one.
func (s SubIDs) choose(what string, size uint32, fixed, taken []idmap.Range) ([]idmap.Range, error) {
	wanted := subtract([]idmap.Range{{Size: size}}, containers(fixed))
	free := subtract(slices.Clone(s.ranges), append(slices.Clone(fixed), taken...))
	need := total(wanted)
	for _, r := range free {
		if uint64(r.Size) >= need {
			r.Size = uint32(need)
			free = []idmap.Range{r}
			break
		}
	}
	if have := total(free); have < need {
		return nil, errclass.New(errclass.Conflict, s.file, fmt.Errorf("%d %ss are wanted, and %d are left of those of %s in %s", need, what, have, s.user, s.file))
	}
	var chosen []idmap.Range
	for _, w := range wanted {
		for w.Size > 0 {
			n := min(w.Size, free[0].Size)
			chosen = append(chosen, idmap.Range{Container: w.Host, Host: free[0].Host, Size: n})
			w.Host, w.Size = w.Host+n, w.Size-n
			free[0].Host, free[0].Size = free[0].Host+n, free[0].Size-n
			if free[0].Size == 0 {
				free = free[1:]
			}
		}
	}
	return append(chosen, fixed...), nil
}

// containers are the container's side of ranges, as ranges of the host's side.
func containers(ranges []idmap.Range) []idmap.Range {
	list := make([]idmap.Range, len(ranges))
	for i, r := range ranges {
		list[i] = idmap.Range{Host: r.Container, Size: r.Size}
	}
	return list
}

// subtract gives what is in the first and not in the second, by Host and Size.
func subtract(from, less []idmap.Range) []idmap.Range {
	for _, l := range less {
		var rest []idmap.Range
		for _, r := range from {
			begin, end := uint64(r.Host), uint64(r.Host)+uint64(r.Size)
			cut, stop := uint64(l.Host), uint64(l.Host)+uint64(l.Size)
			if cut >= end || stop <= begin {
				rest = append(rest, r)
				continue
			}
			if cut > begin {
				rest = append(rest, idmap.Range{Host: r.Host, Size: uint32(cut - begin)})
			}
			if stop < end {
				rest = append(rest, idmap.Range{Host: uint32(stop), Size: uint32(end - stop)})
			}
		}
		from = rest
	}
	return from
}

func total(ranges []idmap.Range) (n uint64) {
	for _, r := range ranges {
		n += uint64(r.Size)
	}
	return n
}

func ownedByUs(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}
