// SPDX-License-Identifier: Apache-2.0

package idmap

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/tug-containers/tug/internal/ondisk"
)

// subIDLimit bounds /etc/subuid and /etc/subgid.
const subIDLimit = 16 << 20

// SubID is a line of /etc/subuid or /etc/subgid, OWNER:FIRST:COUNT: the owner's are
// Count ids from First on.
type SubID struct {
	Owner        string
	First, Count uint64
	// Line is its number, and Bad what is wrong with it; it concerns its owner alone.
	Line int
	Bad  error
	text string
}

func (s SubID) String() string { return s.text }

// Overlaps tells whether two have an id in common.
func (s SubID) Overlaps(o SubID) bool {
	return s.First < o.First+o.Count && o.First < s.First+s.Count
}

// ReadSubIDs reads such a file; a missing one has no lines.
func ReadSubIDs(file string) ([]SubID, error) {
	data, err := ondisk.ReadHost(file, subIDLimit)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []SubID
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		text := strings.TrimSpace(line)
		if text == "" || text[0] == '#' {
			continue
		}
		s := SubID{Line: number, text: text}
		s.Bad = s.parse()
		all = append(all, s)
	}
	return all, nil
}

func (s *SubID) parse() error {
	owner, rest, _ := strings.Cut(s.text, ":")
	first, count, _ := strings.Cut(rest, ":")
	s.Owner = owner
	begin, err := strconv.ParseUint(first, 10, 32)
	size, serr := strconv.ParseUint(count, 10, 32)
	switch {
	case owner == "" || err != nil || serr != nil:
		return errors.New("not OWNER:FIRST:COUNT")
	case begin == 0:
		return errors.New("it begins with root's own id")
	case begin+size > 1<<32-1:
		return fmt.Errorf("there are no ids beyond %d", uint32(1<<32-2))
	}
	s.First, s.Count = begin, size
	return nil
}
