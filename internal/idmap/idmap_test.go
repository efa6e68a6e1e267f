// SPDX-License-Identifier: Apache-2.0

package idmap

import "testing"

func TestMaps(t *testing.T) {
	for _, tc := range []struct {
		text    string
		initial bool
		size    uint64
		has     []uint32
		hasNot  []uint32
	}{
		{"         0          0 4294967295\n", true, 1<<32 - 1, []uint32{0, 1000, 1<<32 - 2}, []uint32{1<<32 - 1}},
		{"0 1000 1\n1 100000 65536\n", false, 65537, []uint32{0, 1, 65536}, []uint32{65537}},
		{"0 1000 1\n", false, 1, []uint32{0}, []uint32{1}},
		{"1000 0 1\n", false, 1, []uint32{1000}, []uint32{0, 1001}},
		{"", false, 0, nil, []uint32{0}},
	} {
		spans, err := parse([]byte(tc.text))
		if err != nil {
			t.Fatalf("%q: %v", tc.text, err)
		}
		m := Maps{spans, spans}
		if m.Initial() != tc.initial || m.Size() != tc.size {
			t.Errorf("%q: initial %v, size %d", tc.text, m.Initial(), m.Size())
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
	if _, err := parse([]byte("a b c\n")); err == nil {
		t.Error("letters are taken for a map")
	}
	if _, err := Read(); err != nil {
		t.Error(err)
	}
}
