// SPDX-License-Identifier: Apache-2.0

package logfile

import (
	"io"
	"time"
)

// Options say what of a log is shown, and how. The zero value shows nothing of
// it: Out is missing.
type Options struct {
	// Out are the writers for the two streams. What is written last is written
	// out before anything goes to the other, so that they may be the same.
	Out [2]io.Writer
	// Since and Until bound the times of the lines; zero is no bound.
	Since, Until time.Time
	// Tail shows only that many lines at the end; nil is all of them.
	Tail *int
	// Timestamps puts the time before each line, Prefix this text before that.
	Timestamps bool
	Prefix     string
	// Suffix ends each line, before its line break.
	Suffix string
}

const (
	// bufferSize is what is read at once.
	bufferSize = 512 << 10
	// outputSize is what is written at once.
	outputSize = 256 << 10
)

// printer writes records as what the container wrote.
type printer struct {
	Options
	buf    []byte
	stream Stream // of buf
	// open is set for a stream whose last record does not end a line, hidden
	// when that line is not shown.
	open, hidden [streams]bool
	// from is the position from which on the records of a stream are shown.
	from [streams]int64
	// late: a line after Until was seen.
	late bool
	err  error
}

func newPrinter(o Options) *printer {
	return &printer{Options: o, buf: make([]byte, 0, outputSize)}
}

// print shows the record in a line that stands at pos.
func (p *printer) print(line []byte, pos int64) {
	r := parse(line)
	s := r.stream
	first := !p.open[s]
	p.open[s] = r.partial
	if first {
		p.hidden[s] = pos < p.from[s] || !p.within(&r)
	}
	if p.hidden[s] {
		return
	}
	if s != p.stream || len(p.buf)+len(line)+len(p.Prefix)+len(p.Suffix)+1 > cap(p.buf) {
		p.flush()
		p.stream = s
	}
	b := p.buf
	if first {
		b = append(b, p.Prefix...)
		if p.Timestamps {
			b = append(b, r.time...)
			b = append(b, ' ')
		}
	}
	b = append(b, r.content...)
	if !r.partial {
		b = append(b, p.Suffix...)
		b = append(b, '\n')
	}
	p.buf = b
}

func (p *printer) within(r *record) bool {
	if p.Since.IsZero() && p.Until.IsZero() || len(r.time) == 0 {
		return true
	}
	t := r.at()
	if !p.Until.IsZero() && t.After(p.Until) {
		p.late = true
		return false
	}
	return !t.Before(p.Since)
}

// flush writes what is buffered.
func (p *printer) flush() {
	if len(p.buf) > 0 && p.err == nil {
		_, p.err = p.Out[p.stream].Write(p.buf)
	}
	if cap(p.buf) > 4*outputSize { // after a very long line
		p.buf = make([]byte, 0, outputSize)
	}
	p.buf = p.buf[:0]
}
