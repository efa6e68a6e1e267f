// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"reflect"
	"testing"
)

func TestWords(t *testing.T) {
	for _, c := range []struct {
		value string
		want  []string
	}{
		{``, nil},
		{`  a   b	c `, []string{"a", "b", "c"}},
		{`"a b" 'c "d"' e`, []string{"a b", `c "d"`, "e"}},
		{`A="x y" B='$z %i'`, []string{"A=x y", "B=$z %i"}},
		{`a\x20b \u00e4 \101 \n \s`, []string{"a b", "ä", "A", "\n", " "}},
		{`""`, []string{""}},
		{`\\ \"`, []string{`\`, `"`}},
	} {
		got, err := Words(c.value)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, %v; want %q", c.value, got, err, c.want)
		}
	}
	for _, value := range []string{`"a`, `'a b`, `a\`, `\q`, `\x1`, `\x00`, `\U00110000`, `\777`} {
		if got, err := Words(value); err == nil {
			t.Errorf("%s: %q", value, got)
		}
	}
}

// TestQuote: what is written is read as the same word.
func TestQuote(t *testing.T) {
	for _, word := range []string{
		"", "plain", "two words", `"`, `'`, `\`, "a\nExecStart=/bin/evil", "\x01\x7f", "ä", "a;b", "\\n", "%i", "a=b c",
	} {
		got, err := Words("x " + quote(word) + " y")
		if err != nil || !reflect.DeepEqual(got, []string{"x", word, "y"}) {
			t.Errorf("%q: written %s, read %q, %v", word, quote(word), got, err)
		}
	}
	if got := Quote("$HOME 100%"); got != `"$$HOME 100%"` {
		t.Error(got)
	}
	if got := Literal("100% %i"); got != "100%% %%i" {
		t.Error(got)
	}
}

func FuzzWords(f *testing.F) {
	f.Add(`a "b c" 'd' \x20`)
	f.Fuzz(func(t *testing.T, value string) {
		words, err := Words(value)
		if err != nil {
			return
		}
		line := ""
		for _, word := range words {
			line += quote(word) + " "
		}
		again, err := Words(line)
		if err != nil || len(again) != len(words) {
			t.Fatalf("%q: written %q, read %q, %v", words, line, again, err)
		}
	})
}
