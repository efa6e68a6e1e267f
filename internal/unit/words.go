// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Words splits a value as systemd does: at white space, with "double" and 'single'
// quotes at the beginning of a word, and the escapes of systemd.syntax(7).
// Specifiers (%i) stay as they are.
func Words(value string) ([]string, error) {
	var words []string
	for {
		value = strings.TrimLeft(value, " \t\n\r")
		if value == "" {
			return words, nil
		}
		word, rest, err := firstWord(value)
		if err != nil {
			return nil, err
		}
		words, value = append(words, word), rest
	}
}

func firstWord(s string) (word, rest string, err error) {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '\\':
			text, n, err := unescape(s[i:])
			if err != nil {
				return "", "", err
			}
			b.WriteString(text)
			i += n
			continue
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && strings.IndexByte(" \t\n\r", c) >= 0:
			return b.String(), s[i:], nil
		default:
			b.WriteByte(c)
		}
		i++
	}
	if quote != 0 {
		return "", "", fmt.Errorf("the quote %c has no end", quote)
	}
	return b.String(), "", nil
}

// unescape reads one escape, and tells its length.
func unescape(s string) (text string, length int, err error) {
	if len(s) < 2 {
		return "", 0, errors.New(`a \ at the end escapes nothing`)
	}
	simple := map[byte]string{
		'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v", '\\': "\\", '"': "\"", '\'': "'", 's': " ",
	}
	if text, ok := simple[s[1]]; ok {
		return text, 2, nil
	}
	number := func(from, digits, base int) (string, int, error) {
		if len(s) < from+digits {
			return "", 0, fmt.Errorf("%s: an escape that is cut off", shorten(s))
		}
		n, err := strconv.ParseUint(s[from:from+digits], base, 32)
		if err != nil || n == 0 || digits > 3 && !utf8.ValidRune(rune(n)) || digits <= 3 && n > 255 {
			return "", 0, fmt.Errorf("%s: not an escape", shorten(s[:from+digits]))
		}
		if digits <= 3 {
			return string([]byte{byte(n)}), from + digits, nil
		}
		return string(rune(n)), from + digits, nil
	}
	switch c := s[1]; {
	case c == 'x':
		return number(2, 2, 16)
	case c == 'u':
		return number(2, 4, 16)
	case c == 'U':
		return number(2, 8, 16)
	case c >= '0' && c <= '7':
		return number(1, 3, 8)
	}
	return "", 0, fmt.Errorf("%s: not an escape", shorten(s[:2]))
}

// Quote writes a word of a command line so that systemd reads it as that one word.
// Specifiers are left to systemd: see Literal for text in which % is %. In an
// Exec line a $ would be a variable: it is written twice.
func Quote(word string) string { return quote(strings.ReplaceAll(word, "$", "$$")) }

// quote is for settings in which $ means nothing.
func quote(word string) string {
	plain := word != ""
	for i := 0; i < len(word) && plain; i++ {
		c := word[i]
		plain = c > ' ' && c != 0x7f && !strings.ContainsRune(`"'\;`, rune(c))
	}
	if plain {
		return word
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(word); i++ {
		switch c := word[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Literal makes text of which nothing is a specifier.
func Literal(text string) string { return strings.ReplaceAll(text, "%", "%%") }
