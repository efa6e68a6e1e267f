// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/tug-containers/tug/libexec/monitor"
	"golang.org/x/sys/unix"
)

// file is the log in the format that Kubernetes' runtimes share: for each line
// its time, its stream, F or P (what does not end a line), and the content.
//
//	2026-01-02T03:04:05.123456789Z stdout F hello
type file struct {
	log  monitor.Log
	mu   sync.Mutex
	f    *os.File // nil when it cannot be written
	size int64
	buf  []byte
	// limit is how much is written at once.
	limit int
	// partial is set for a stream whose last line is not ended.
	partial map[byte]bool
}

const (
	// lineLimit is the longest content of one line: what is longer is several.
	lineLimit = 16 << 10
	// bufferLimit is what is written at once.
	bufferLimit = 64 << 10
	// fullPause is how often a full disk is tried again.
	fullPause = 100 * time.Millisecond
)

func openFile(log monitor.Log) (*file, error) {
	l := &file{log: log, limit: bufferLimit, partial: map[byte]bool{}}
	if log.MaxSize > 0 {
		l.limit = int(min(bufferLimit, log.MaxSize)) // a file is larger only for a line that is
	}
	l.buf = make([]byte, 0, l.limit)
	return l, l.open()
}

func (l *file) open() error {
	f, err := os.OpenFile(l.log.Path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &os.PathError{Op: "open", Path: l.log.Path, Err: errors.New("not a regular file")}
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.f, l.size = f, info.Size()
	return nil
}

func (l *file) write(stream byte, content []byte, running func() bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	head := appendHead(make([]byte, 0, 64), stream)
	tag, ended := len(head)-len("F "), false
	for len(content) > 0 {
		n := bytes.IndexByte(content, '\n') + 1
		if ended = n > 0 && n <= lineLimit+1; ended {
			head[tag] = 'F'
		} else {
			head[tag], n = 'P', min(len(content), lineLimit)
		}
		if len(l.buf)+len(head)+n+1 > l.limit {
			l.flush(running)
		}
		l.buf = append(append(l.buf, head...), content[:n]...)
		if !ended {
			l.buf = append(l.buf, '\n')
		}
		content = content[n:]
	}
	l.partial[stream] = !ended
	l.flush(running)
}

// finish ends a line that the stream did not: what a next life writes begins
// another.
func (l *file) finish(stream byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.partial[stream] {
		l.buf = append(appendHead(l.buf, stream), '\n')
		l.flush(func() bool { return false })
	}
	delete(l.partial, stream)
}

// appendHead appends what stands before the content of a whole line.
func appendHead(b []byte, stream byte) []byte {
	b = time.Now().UTC().AppendFormat(b, "2006-01-02T15:04:05.000000000Z")
	if stream == monitor.FrameError {
		return append(b, " stderr F "...)
	}
	return append(b, " stdout F "...)
}

// flush writes the buffer.
func (l *file) flush(running func() bool) {
	rest := l.buf
	l.buf = l.buf[:0]
	if l.f == nil || len(rest) == 0 {
		return
	}
	if l.log.MaxSize > 0 && l.size > 0 && l.size+int64(len(rest)) > l.log.MaxSize {
		l.rotate()
	}
	for len(rest) > 0 && l.f != nil {
		n, err := l.f.Write(rest)
		l.size += int64(n)
		rest = rest[n:]
		switch {
		case err == nil:
		case (errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)) && running():
			time.Sleep(fullPause)
		case errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT):
			return // the container has ended, and so does the waiting
		default:
			l.f.Close()
			l.f = nil // a broken disk is no reason to stop the container
		}
	}
}

// rotate begins another file. When the old ones cannot be moved, the log goes on
// where it is.
func (l *file) rotate() {
	name := func(i int) string {
		if i == 0 {
			return l.log.Path
		}
		return l.log.Path + "." + strconv.Itoa(i)
	}
	if l.log.MaxFiles <= 1 {
		if l.f.Truncate(0) == nil {
			l.size = 0
		}
		return
	}
	for i := l.log.MaxFiles - 1; i > 0; i-- {
		if err := os.Rename(name(i-1), name(i)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return
		}
	}
	old := l.f
	if l.open() != nil {
		l.f = old
		return
	}
	old.Close()
}

func (l *file) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f != nil {
		l.f.Close()
		l.f = nil
	}
}
