// SPDX-License-Identifier: Apache-2.0

package libexec

import "testing"

func TestDetachKeys(t *testing.T) {
	for _, c := range []struct {
		keys, typed, passed, held string
		detach                    bool
	}{
		{"", "abc", "abc", "", false},
		{"ab", "xab", "x", "", true},
		{"ab", "xa", "x", "a", false},
		{"ab", "axb", "axb", "", false},
		{"ab", "aab", "a", "", true},
		{"aab", "aaab", "a", "", true}, // the second a begins them as well
		{"abac", "ababac", "ab", "", true},
	} {
		// All at once, and key by key: what is held back may come in pieces.
		for _, step := range []int{len(c.typed), 1} {
			d := detachKeys{keys: []byte(c.keys)}
			passed, detach := "", false
			for rest := c.typed; rest != "" && !detach; rest = rest[step:] {
				var out []byte
				out, detach = d.pass([]byte(rest[:step]))
				passed += string(out)
			}
			if passed != c.passed || detach != c.detach || !detach && string(d.held()) != c.held {
				t.Errorf("%q of %q: %q, %v, held %q; want %q, %v, %q", c.typed, c.keys, passed, detach, d.held(), c.passed, c.detach, c.held)
			}
		}
	}
}
