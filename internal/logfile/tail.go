// SPDX-License-Identifier: Apache-2.0

package logfile

import (
	"bytes"
	"io"
)

const (
	// tailBlock is what is read at once from the end towards the beginning.
	tailBlock = 256 << 10
	// headSize is more than what a record has before its content.
	headSize = 64
	// tailSlack is how far the beginning of a line is looked for when all lines
	// are found: its records stand close to each other, and the other stream may
	// have none for gigabytes.
	tailSlack = 1 << 20
)

// tail finds the last lines, going from record to record towards the beginning.
type tail struct {
	want, found int
	end         int64
	// seen is set for a stream of which a line was found, done when its next
	// records are of a line that is not wanted.
	seen, done [streams]bool
	from       [streams]int64
	last       int64 // the first record that is wanted, as far as is known
}

// findTail sets from which position on the records of each stream are the last
// n lines.
func (r *reader) findTail(n int) error {
	newest := r.parts[len(r.parts)-1]
	t := tail{want: n, end: newest.base + newest.size}
	t.last = t.end
	for s := range t.from {
		t.from[s] = t.end
	}
	for i := len(r.parts) - 1; i >= 0 && n > 0; i-- {
		if done, err := t.scan(&r.parts[i]); done || err != nil {
			r.from = t.from
			return err
		}
	}
	r.from = t.from
	return nil
}

// scan goes through a file from its end.
func (t *tail) scan(p *part) (done bool, err error) {
	buf := make([]byte, tailBlock+headSize)
	var heads int // bytes of the block before that are kept behind this one
	for end := p.size; end > 0; {
		start := max(end-tailBlock, 0)
		n := int(end - start)
		copy(buf[n:], buf[:heads])
		if _, err := p.f.ReadAt(buf[:n], start); err != nil && err != io.EOF {
			return false, err
		}
		block := buf[:n+heads]
		// A record begins after each line break but the very last.
		for at := n; at > 0; {
			at = bytes.LastIndexByte(buf[:at], '\n')
			if at < 0 {
				break
			}
			if begin := start + int64(at) + 1; begin < p.size && t.record(block[at+1:], p.base+begin) {
				return true, nil
			}
		}
		if start == 0 {
			return t.record(block, p.base), nil
		}
		heads = min(headSize, len(block))
		end = start
	}
	return false, nil
}

// record looks at the head of the record at pos, and tells when no more need be
// looked at.
func (t *tail) record(head []byte, pos int64) (done bool) {
	if at := bytes.IndexByte(head, '\n'); at >= 0 {
		head = head[:at]
	}
	r := parse(head[:min(len(head), headSize)])
	s := r.stream
	switch {
	case t.done[s]:
	case !r.partial || !t.seen[s]: // the end of a line
		if t.found == t.want {
			t.done[s] = true
			break
		}
		t.found++
		t.seen[s], t.from[s], t.last = true, pos, pos
	default:
		t.from[s], t.last = pos, pos
	}
	if t.found < t.want {
		return false
	}
	return t.done[Stdout] && t.done[Stderr] || t.last-pos > tailSlack ||
		t.done[s] && !t.seen[Stderr-s]
}
