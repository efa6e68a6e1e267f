// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
)

// lastError gives the last message of level error or worse in a runtime's log.
func lastError(name string) string {
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	var last string
	for line := range bytes.Lines(tail(f)) {
		var entry struct{ Level, Msg string }
		if json.Unmarshal(line, &entry) != nil {
			continue
		}
		switch entry.Level {
		case "error", "fatal", "panic":
			last = entry.Msg
		}
	}
	return oneLine(last)
}

// lastLine gives what a program has said at its end.
func lastLine(f *os.File) string { return oneLine(string(tail(f))) }

// tail reads the last 8 KiB of a file.
func tail(f *os.File) []byte {
	const limit = 8192
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	data, _ := io.ReadAll(io.NewSectionReader(f, max(info.Size()-limit, 0), limit))
	return data
}

// oneLine cuts text from a runtime to one readable line.
func oneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(strings.TrimSpace(text), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	const limit = 2048
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "..."
	}
	return text
}
