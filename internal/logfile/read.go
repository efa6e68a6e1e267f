// SPDX-License-Identifier: Apache-2.0

package logfile

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"time"
)

// lineLimit is the longest record that is taken for one. The monitor's are a
// hundred times shorter.
const lineLimit = 4 << 20

// Read shows what is in the log at path. A log without a file is
// fs.ErrNotExist. The end of ctx stops it.
func Read(ctx context.Context, path string, o Options) error {
	s, err := openSet(path)
	if err != nil {
		return err
	}
	defer s.close()
	r := reader{set: s, printer: newPrinter(o)}
	if err := r.all(ctx); err != nil {
		return err
	}
	return r.end()
}

// Copy shows the records that are read from src, in the order of their times, to
// its end or to o.Until. It does not know of o.Tail.
func Copy(ctx context.Context, src io.Reader, o Options) error {
	r := reader{printer: newPrinter(o)}
	if err := r.drain(ctx, src); err != nil {
		return err
	}
	return r.end()
}

// reader goes through the files of a set.
type reader struct {
	*set
	*printer
	buf  []byte // read, and not shown: the beginning of a record
	pos  int64  // of what comes after it
	read int64  // how far the newest file was read
}

// all shows what is there.
func (r *reader) all(ctx context.Context) error {
	first, err := r.start()
	if err != nil {
		return err
	}
	for i := first; i < len(r.parts); i++ {
		p := &r.parts[i]
		r.pos, r.read = p.base, 0
		if skip := slices.Min(r.from[:]) - p.base; skip > 0 {
			if _, err := p.f.Seek(skip, io.SeekStart); err != nil {
				return err
			}
			r.pos, r.read = r.pos+skip, skip
		}
		if err := r.drain(ctx, p.f); err != nil {
			return err
		}
		if i < len(r.parts)-1 {
			r.rest() // a file is never continued by another
		}
	}
	return nil
}

// start is the file that has the first record to show.
func (r *reader) start() (int, error) {
	first := 0
	if r.Tail != nil {
		if err := r.findTail(max(*r.Tail, 0)); err != nil {
			return 0, err
		}
		for from := slices.Min(r.from[:]); first < len(r.parts)-1 && from >= r.parts[first+1].base; {
			first++
		}
	}
	if !r.Since.IsZero() {
		for ; first < len(r.parts)-1; first++ {
			if info, err := r.parts[first].f.Stat(); err != nil || !info.ModTime().Before(r.Since.Add(-time.Second)) {
				break
			}
		}
	}
	return first, nil
}

// drain shows the records of a file until its end.
func (r *reader) drain(ctx context.Context, f io.Reader) error {
	if r.buf == nil {
		r.buf = make([]byte, 0, bufferSize)
	}
	for {
		if len(r.buf) == cap(r.buf) {
			if len(r.buf) >= lineLimit {
				r.rest()
			}
			r.buf = slices.Grow(r.buf, len(r.buf))
		}
		n, err := f.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf, r.read = r.buf[:len(r.buf)+n], r.read+int64(n)
		if n > 0 {
			r.records()
		}
		switch {
		case r.err != nil:
			return r.err
		case errors.Is(err, io.EOF), r.late && r.set == nil:
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
	}
}

// records shows the whole records in the buffer.
func (r *reader) records() {
	data := r.buf
	for {
		at := bytes.IndexByte(data, '\n')
		if at < 0 {
			break
		}
		r.print(data[:at], r.pos)
		r.pos += int64(at) + 1
		data = data[at+1:]
	}
	r.buf = r.buf[:copy(r.buf, data)]
}

// rest shows what was not ended, as what a writer that was killed leaves.
func (r *reader) rest() {
	if len(r.buf) > 0 {
		r.print(r.buf, r.pos)
		r.pos += int64(len(r.buf))
		r.buf = r.buf[:0]
	}
}

// end shows what is left.
func (r *reader) end() error {
	r.rest()
	r.flush()
	return r.err
}
