// SPDX-License-Identifier: Apache-2.0

package idmap

import "testing"

func TestHas(t *testing.T) {
	for _, tc := range []struct {
		text   string
		users  uint64
		has    []uint32
		hasNot []uint32
	}{
		{"0 1000 1\n1 100000 65536\n", 65537, []uint32{0, 1, 65536}, []uint32{65537}},
		{"0 1000 1\n", 1, []uint32{0}, []uint32{1}},
		{"1000 0 1\n", 1, []uint32{1000}, []uint32{0, 1001}},
	} {
		ranges, err := ReadMap(tc.text)
		if err != nil {
			t.Fatalf("%q: %v", tc.text, err)
		}
		m := &Mapping{ranges, ranges}
		if m.Users() != tc.users {
			t.Errorf("%q: %d users", tc.text, m.Users())
		}
		for _, id := range tc.has {
			if !m.HasUID(id) || !m.HasGID(id) {
				t.Errorf("%q: has no %d", tc.text, id)
			}
		}
		for _, id := range tc.hasNot {
			if m.HasUID(id) || m.HasGID(id) {
				t.Errorf("%q: has %d", tc.text, id)
			}
		}
	}
	if all := (*Mapping)(nil); !all.HasUID(7) || !all.HasGID(7) {
		t.Error("the host's namespace has no 7")
	}
	if _, err := ReadMap("a b c\n"); err == nil {
		t.Error("letters are taken for a map")
	}
	if _, err := Own(); err != nil {
		t.Error(err)
	}
}
