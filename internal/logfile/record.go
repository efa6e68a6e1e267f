// SPDX-License-Identifier: Apache-2.0

package logfile

import (
	"bytes"
	"time"
)

// Stream is where a container has written something.
type Stream int

// The streams.
const (
	Stdout Stream = iota
	Stderr
	streams
)

// record is one line of a file; its slices are parts of it.
type record struct {
	stream  Stream
	partial bool
	time    []byte // empty: the line is no record
	content []byte
}

// parse takes a line apart, which has no line break at its end any more.
func parse(line []byte) record {
	// As our monitor writes it, every part has its place.
	const (
		stream  = len("2006-01-02T15:04:05.000000000Z ")
		tag     = stream + len("stdout ")
		content = tag + len("F ")
	)
	if len(line) >= content && line[10] == 'T' && line[stream-1] == ' ' && line[tag-1] == ' ' && line[content-1] == ' ' {
		r := record{time: line[:stream-1], partial: line[tag] == 'P', content: line[content:]}
		name := string(line[stream : tag-1])
		if name == "stderr" {
			r.stream = Stderr
		}
		if (r.partial || line[tag] == 'F') && (name == "stdout" || name == "stderr") {
			return r
		}
	}
	return parseAny(line)
}

// parseAny takes a line apart that another program may have written.
func parseAny(line []byte) record {
	at := bytes.IndexByte(line[:min(len(line), 40)], ' ')
	if at < len("2006-01-02T15:04:05Z") || line[10] != 'T' {
		return record{content: line}
	}
	r := record{time: line[:at]}
	rest := line[at+1:]
	switch {
	case bytes.HasPrefix(rest, []byte("stdout ")):
	case bytes.HasPrefix(rest, []byte("stderr ")):
		r.stream = Stderr
	default:
		return record{content: line}
	}
	rest = rest[len("stdout "):]
	// More tags may follow the first, after colons.
	tags, content, found := bytes.Cut(rest, []byte{' '})
	if len(tags) == 0 || len(tags) > 1 && tags[1] != ':' || !found && len(rest) > 1 {
		return record{content: line}
	}
	switch tags[0] {
	case 'F':
	case 'P':
		r.partial = true
	default:
		return record{content: line}
	}
	r.content = content
	return r
}

// at gives the record's time; zero when it has none.
func (r *record) at() time.Time {
	t, err := time.Parse(time.RFC3339Nano, string(r.time))
	if err != nil {
		return time.Time{}
	}
	return t
}
