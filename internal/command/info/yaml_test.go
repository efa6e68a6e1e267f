// SPDX-License-Identifier: Apache-2.0

package info

import (
	"strings"
	"testing"
)

func TestYAML(t *testing.T) {
	var b strings.Builder
	err := writeYAML(&b, map[string]any{
		"text": "plain text", "empty": "", "number": "12", "true": "true", "colon": "a: b", "dash": "-", "tilde": "~x", "blank": " a",
		"lines": "one\n two\nthree\n", "rude": "a\u001b[31m", "n": 3, "none": nil, "yes": false,
		"list": []any{"a", map[string]any{"k": 1, "l": []any{"x"}}, []any{}}, "map": map[string]any{}, "a:b": 1,
	})
	const want = `"a:b": 1
blank: " a"
colon: "a: b"
dash: "-"
empty: ""
lines: |-
  one
   two
  three
list:
- a
- k: 1
  l:
  - x
- []
map: {}
n: 3
none: null
number: "12"
rude: "a\x1b[31m"
text: plain text
tilde: "~x"
"true": "true"
"yes": false
`
	if b.String() != want || err != nil {
		t.Errorf("%v\n%s", err, b.String())
	}
}
