// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/docker/go-units"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/libimage"
)

// heartbeat is how often a line tells that work goes on.
const heartbeat = 3 * time.Second

// lines is for logs: one line at the start, one every few seconds.
type lines struct {
	w    io.Writer
	verb string
	stop chan struct{}
	done sync.WaitGroup
	mu   sync.Mutex
	tally
}

func newLines(w io.Writer, verb string) *lines {
	l := &lines{w: w, verb: verb, stop: make(chan struct{})}
	l.done.Go(func() { l.beat(time.NewTicker(heartbeat)) })
	return l
}

func (l *lines) beat(ticker *time.Ticker) {
	defer ticker.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-ticker.C:
			l.mu.Lock()
			if l.image != "" {
				l.print("%s %s: %s", l.verb, l.image, l.String())
			}
			l.mu.Unlock()
		}
	}
}

// print writes one line; what comes from outside is made printable.
func (l *lines) print(format string, args ...any) {
	fmt.Fprintln(l.w, cli.Printable(fmt.Sprintf(format, args...)))
}

func (l *lines) Event(e libimage.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(e)
	switch e.Kind {
	case libimage.EventStart:
		l.print("%s %s", l.verb, e.Message)
	case libimage.EventRetry:
		l.print("%s %s: %s", l.verb, e.Image, e.Message)
	}
}

func (l *lines) Close() {
	close(l.stop)
	l.done.Wait()
}

// tally sums up the blobs of one image.
type tally struct {
	image       string
	blobs, done int
	bytes, size int64
	offsets     map[string]int64
}

func (t *tally) add(e libimage.Event) {
	switch e.Kind {
	case libimage.EventStart:
		*t = tally{image: e.Image, offsets: map[string]int64{}}
	case libimage.EventBlob:
		t.blobs++
		t.size += max(e.Size, 0)
	case libimage.EventProgress, libimage.EventDone:
		t.bytes += e.Offset - t.offsets[e.Digest.String()]
		if t.offsets != nil {
			t.offsets[e.Digest.String()] = e.Offset
		}
		if e.Kind == libimage.EventDone {
			t.done++
		}
	case libimage.EventSkipped:
		t.blobs++
		t.done++
	case libimage.EventFinish:
		t.image = ""
	}
}

// String says where the work stands.
func (t *tally) String() string {
	if t.blobs == 0 {
		return "waiting for the registry"
	}
	if t.done == t.blobs {
		return fmt.Sprintf("%d of %d blobs, storing", t.done, t.blobs)
	}
	return fmt.Sprintf("%d of %d blobs, %s of %s", t.done, t.blobs,
		units.HumanSize(float64(t.bytes)), units.HumanSize(float64(t.size)))
}
