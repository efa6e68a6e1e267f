// SPDX-License-Identifier: Apache-2.0

package events

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"time"
)

// Died gives the exit code of the last end of a container since a moment: what is
// left to say it when the container is removed. It is nil when none was noted, or
// the code was not known.
func Died(path, id string, since time.Time) *int {
	for _, name := range []string{path, path + ".1"} {
		data := readTail(name)
		for len(data) > 0 {
			data = bytes.TrimSuffix(data, []byte("\n"))
			start := bytes.LastIndexByte(data, '\n') + 1
			line := data[start:]
			data = data[:start]
			if !bytes.Contains(line, []byte(id)) {
				continue
			}
			var e Event
			if json.Unmarshal(line, &e) != nil || e.Type != Container || e.Action != "died" || e.ID != id {
				continue
			}
			if e.Time.Before(since) {
				return nil
			}
			return e.ExitCode
		}
	}
	return nil
}

// readTail reads the end of a file: what is looked for was written just now.
func readTail(path string) []byte {
	const limit = 4 << 20
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	at := max(0, info.Size()-limit)
	data, err := io.ReadAll(io.NewSectionReader(f, at, limit))
	if err != nil {
		return nil
	}
	return data
}
