// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"
)

// WriteJSON writes v indented, as the array or object that a script reads.
func WriteJSON(w io.Writer, v any) error {
	data, err := marshal(v, "    ")
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// marshal is encoding/json without HTML escapes and with escapes for what a
// terminal acts on: json.Marshal leaves DEL, C1 and the characters that
// reorder text as they are. Outside of strings JSON has none of them.
func marshal(v any, indent string) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	data := buf.Bytes()
	if bytes.IndexFunc(data, dangerous) < 0 {
		return data, nil
	}
	safe := make([]byte, 0, len(data)+64)
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if dangerous(r) {
			safe = fmt.Appendf(safe, `\u%04x`, r)
		} else {
			safe = append(safe, data[:size]...)
		}
		data = data[size:]
	}
	return safe, nil
}

// dangerous leaves out the line break and the replacement character, which
// JSON may have.
func dangerous(r rune) bool { return r != '\n' && r != utf8.RuneError && hidden(r) }
