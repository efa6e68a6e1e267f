// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"sync/atomic"
	"testing"
)

func TestHarmless(t *testing.T) {
	for in, want := range map[string]string{
		"plain\ttext\r\n":          "plain\ttext\n",
		"\x1b[31mred\x1b[0m\x1b[m": "\x1b[31mred\x1b[0m\x1b[m",
		"\x1b[38;5;1mx":            "\x1b[38;5;1mx",
		"\x1b[2Jgone":              `\x1b[2Jgone`,
		"\x1b]0;title\a":           `\x1b]0;title\x07`,
		"back\rforged":             `back\x0dforged`,
		"\u009b2J\x7f\b":           `\x9b2J\x7f\x08`,
		"ümläut ✓":                 "ümläut ✓",
		"\xff\xc2":                 "\xff\xc2",
	} {
		for _, size := range []int{1, 2, 1000} { // however it is cut
			if size < 1000 && (strings.Contains(in, "\r\n") || strings.Contains(in, "\u009b")) {
				continue
			}
			var out bytes.Buffer
			h := &harmless{w: &out}
			for data := []byte(in); len(data) > 0; data = data[min(size, len(data)):] {
				if _, err := h.Write(data[:min(size, len(data))]); err != nil {
					t.Fatal(err)
				}
			}
			if out.String() != want {
				t.Errorf("%q in %d: %q, want %q", in, size, out.String(), want)
			}
		}
	}
}

func TestJournalReader(t *testing.T) {
	var last atomic.Int64
	in := `{"__REALTIME_TIMESTAMP":"1767323045123456","MESSAGE":"hello","PRIORITY":"6","_X":"y"}
not JSON
{"__REALTIME_TIMESTAMP":"1767323045123457","MESSAGE":[255,0,97],"PRIORITY":"3"}
{"__REALTIME_TIMESTAMP":"1767323045123458","MESSAGE":"half","CONTAINER_PARTIAL_MESSAGE":"true","PRIORITY":"6"}
{"MESSAGE":"no time","PRIORITY":"6"}
{"__REALTIME_TIMESTAMP":"1767323045123459","MESSAGE":null,"PRIORITY":"6"}`
	got, err := io.ReadAll(&journalReader{in: bufio.NewReader(strings.NewReader(in)), last: &last})
	want := "2026-01-02T03:04:05.123456000Z stdout F hello\n" +
		"2026-01-02T03:04:05.123457000Z stderr F \xff\x00a\n" +
		"2026-01-02T03:04:05.123458000Z stdout P half\n" +
		"2026-01-02T03:04:05.123459000Z stdout F \n"
	if err != nil || string(got) != want {
		t.Errorf("%v\n%q, want\n%q", err, got, want)
	}
}

func FuzzJournalRecord(f *testing.F) {
	f.Add([]byte(`{"__REALTIME_TIMESTAMP":"1767323045123456","MESSAGE":"hello","PRIORITY":"6"}`))
	f.Add([]byte(`{"__REALTIME_TIMESTAMP":"1","MESSAGE":[1,2,300]}`))
	f.Fuzz(func(t *testing.T, entry []byte) {
		if r := record(entry); r != nil && !bytes.HasSuffix(r, []byte("\n")) {
			t.Errorf("%q", r)
		}
	})
}
