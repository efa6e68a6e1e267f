// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// jsonWriter appends JSON to a buffer. Whether a comma is due is seen from the
// last byte.
type jsonWriter struct {
	buf []byte
}

func (w *jsonWriter) separate() {
	switch w.buf[len(w.buf)-1] {
	case '{', '[', ':', ',':
	default:
		w.buf = append(w.buf, ',')
	}
}

func (w *jsonWriter) open(bracket byte) {
	if len(w.buf) > 0 {
		w.separate()
	}
	w.buf = append(w.buf, bracket)
}

func (w *jsonWriter) close(bracket byte) { w.buf = append(w.buf, bracket) }

func (w *jsonWriter) key(name string) {
	w.quoted(name)
	w.buf = append(w.buf, ':')
}

func (w *jsonWriter) number(n uint64) {
	w.separate()
	w.buf = strconv.AppendUint(w.buf, n, 10)
}

func (w *jsonWriter) unsigned(name string, n uint64) {
	w.key(name)
	w.number(n)
}

func (w *jsonWriter) signed(name string, n int64) {
	w.key(name)
	w.buf = strconv.AppendInt(w.buf, n, 10)
}

func (w *jsonWriter) boolean(name string, value bool) {
	w.key(name)
	w.buf = strconv.AppendBool(w.buf, value)
}

// flag writes what is left out when it is false.
func (w *jsonWriter) flag(name string, value bool) {
	if value {
		w.boolean(name, true)
	}
}

func (w *jsonWriter) text(name, value string) {
	w.key(name)
	w.quoted(value)
}

func (w *jsonWriter) textUnlessEmpty(name, value string) {
	if value != "" {
		w.text(name, value)
	}
}

func (w *jsonWriter) texts(name string, values []string) { list(w, name, values, w.quoted) }

// marshal leaves a value to encoding/json; its type has nothing that can fail.
func (w *jsonWriter) marshal(name string, value any) {
	data, err := json.Marshal(value)
	if err != nil {
		panic("internal error: " + err.Error())
	}
	w.key(name)
	w.buf = append(w.buf, data...)
}

// list writes an array, unless it is empty.
func list[T any](w *jsonWriter, name string, values []T, write func(T)) {
	if len(values) == 0 {
		return
	}
	w.key(name)
	w.open('[')
	for _, value := range values {
		write(value)
	}
	w.close(']')
}

// quoted writes a string as encoding/json does, but for the characters of HTML:
// bytes that are no UTF-8 become U+FFFD.
func (w *jsonWriter) quoted(s string) {
	const digits = "0123456789abcdef"
	w.separate()
	w.buf = append(w.buf, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		w.buf = append(w.buf, s[from:i]...)
		switch {
		case c >= utf8.RuneSelf:
			w.buf = append(w.buf, "\uFFFD"...)
		case c == '"' || c == '\\':
			w.buf = append(w.buf, '\\', c)
		default:
			w.buf = append(w.buf, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
		i += size
		from = i
	}
	w.buf = append(w.buf, s[from:]...)
	w.buf = append(w.buf, '"')
}
