// SPDX-License-Identifier: Apache-2.0

// Package idmap has the IDs of user namespaces: Maps tells which ones there are in
// that of the process, Mapping which of the host's stand for those of a container.
// Whoever needs the first reads it once per command.
package idmap

import (
	"bytes"
	"fmt"
	"os"
)

// Maps are those of a user namespace. The zero value has no IDs.
type Maps struct{ uids, gids []span }

type span struct{ first, size uint64 }

// Read reads the maps of this process.
func Read() (Maps, error) {
	uids, err := readOne("/proc/self/uid_map")
	if err != nil {
		return Maps{}, err
	}
	gids, err := readOne("/proc/self/gid_map")
	return Maps{uids, gids}, err
}

func readOne(path string) ([]span, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	spans, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return spans, nil
}

func parse(data []byte) ([]span, error) {
	var spans []span
	for line := range bytes.Lines(data) {
		var s span
		var outside uint64
		if _, err := fmt.Sscan(string(line), &s.first, &outside, &s.size); err != nil {
			return nil, fmt.Errorf("line %q: %w", line, err)
		}
		spans = append(spans, s)
	}
	return spans, nil
}

// Initial tells the namespace that the host began with, which has all IDs.
func (m Maps) Initial() bool {
	return len(m.uids) == 1 && m.uids[0] == span{0, 1<<32 - 1}
}

// HasUID and HasGID tell whether there is such an ID.
func (m Maps) HasUID(id uint32) bool { return has(m.uids, id) }

// HasGID is HasUID for groups.
func (m Maps) HasGID(id uint32) bool { return has(m.gids, id) }

func has(spans []span, id uint32) bool {
	for _, s := range spans {
		if uint64(id) >= s.first && uint64(id)-s.first < s.size {
			return true
		}
	}
	return false
}

// Size is how many user IDs there are.
func (m Maps) Size() uint64 {
	var n uint64
	for _, s := range m.uids {
		n += s.size
	}
	return n
}
