// SPDX-License-Identifier: Apache-2.0

package info

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tug-containers/tug/internal/cli"
)

// writeYAML writes v as podman does: the keys of its JSON in order, each level
// indented by two.
func writeYAML(w io.Writer, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return err
	}
	var b strings.Builder
	yaml(&b, tree, "")
	_, err = io.WriteString(w, strings.TrimPrefix(b.String(), "\n"))
	return err
}

// yaml writes what follows a key or a dash, with its line break.
func yaml(b *strings.Builder, v any, indent string) {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			b.WriteString(" {}\n")
			return
		}
		b.WriteByte('\n')
		for _, key := range slices.Sorted(maps.Keys(v)) {
			b.WriteString(indent + scalar(key) + ":")
			below := indent + "  "
			if _, list := v[key].([]any); list {
				below = indent
			}
			yaml(b, v[key], below)
		}
	case []any:
		if len(v) == 0 {
			b.WriteString(" []\n")
			return
		}
		b.WriteByte('\n')
		for _, item := range v {
			var one strings.Builder
			yaml(&one, item, indent+"  ")
			// The first line of an item stands beside the dash.
			b.WriteString(indent + "- " + strings.TrimLeft(one.String(), " \n"))
		}
	case string:
		if strings.Contains(v, "\n") && !strings.HasPrefix(v, " ") {
			b.WriteString(" |-\n")
			for line := range strings.Lines(strings.TrimRight(v, "\n")) {
				b.WriteString(indent + cli.Printable(strings.TrimSuffix(line, "\n")) + "\n")
			}
			return
		}
		b.WriteString(" " + scalar(v) + "\n")
	case nil:
		b.WriteString(" null\n")
	default:
		fmt.Fprintf(b, " %v\n", v)
	}
}

// scalar writes a text on one line, in quotes where it could be taken for
// something else.
func scalar(s string) string {
	plain := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("/._+-,() =;", r)
	}
	_, err := strconv.ParseFloat(s, 64)
	isWord := strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0
	switch strings.ToLower(s) {
	case "", "true", "false", "null", "yes", "no", "on", "off", "~":
		isWord = false
	}
	if isWord && err != nil && s == strings.TrimSpace(s) && !strings.ContainsRune("-=,", rune(s[0])) {
		return s
	}
	return strconv.Quote(s)
}
