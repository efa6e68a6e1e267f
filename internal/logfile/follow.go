// SPDX-License-Identifier: Apache-2.0

package logfile

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

const (
	followPause    = 5 * time.Millisecond
	followPauseMax = 100 * time.Millisecond
)

// Follow shows what is in the log at path, and then what is added, until alive
// says that nobody will add anything, or a line is later than o.Until. A log
// without a file is waited for as long as alive says so. It calls lost when
// files were dropped before it could read them.
func Follow(ctx context.Context, path string, o Options, alive func() bool, lost func()) error {
	r, err := openFollowed(ctx, path, o, alive)
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.all(ctx); err != nil {
		return err
	}
	for pause := followPause; ; {
		r.flush()
		// What was written before its end was seen is there to be read after it.
		living := alive()
		more, err := r.more(ctx, lost)
		if err != nil {
			return err
		}
		if r.late || !living && !more {
			return r.end()
		}
		if more {
			pause = followPause
			continue
		}
		if err := sleep(ctx, pause); err != nil {
			return errors.Join(r.end(), err)
		}
		pause = min(2*pause, followPauseMax)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

func openFollowed(ctx context.Context, path string, o Options, alive func() bool) (*reader, error) {
	for {
		living := alive()
		s, err := openSet(path)
		if err == nil {
			return &reader{set: s, printer: newPrinter(o)}, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || !living {
			return nil, err
		}
		if err := sleep(ctx, followPauseMax); err != nil {
			return nil, err
		}
	}
}

// more shows what was added; false when that is nothing.
func (r *reader) more(ctx context.Context, lost func()) (bool, error) {
	last := &r.parts[len(r.parts)-1]
	before := r.read
	if err := r.again(ctx, last.f); err != nil {
		return false, err
	}
	if r.read != before {
		return true, nil
	}
	next, dropped, err := r.next()
	if err != nil || next == nil {
		return false, err
	}
	// What was written between our last look and the move.
	if err := r.drain(ctx, last.f); err != nil {
		next.Close()
		return false, err
	}
	r.rest()
	if dropped {
		r.flush()
		lost()
	}
	last.f.Close()
	last.f, r.read = next, 0
	return true, r.drain(ctx, next)
}

// again reads on. A file that was cut, since it is the only one, is read from its
// beginning.
func (r *reader) again(ctx context.Context, f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < r.read {
		r.rest()
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		r.read = 0
	}
	return r.drain(ctx, f)
}
