// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"fmt"
	"io"
	"time"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/libimage"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// bars draws a bar for each blob.
type bars struct {
	w    io.Writer
	verb string
	pool *mpb.Progress
	all  map[string]*mpb.Bar
}

func newBars(w io.Writer, verb string) *bars {
	return &bars{w: w, verb: verb, all: map[string]*mpb.Bar{}}
}

func (b *bars) Event(e libimage.Event) {
	key := e.Digest.String()
	switch e.Kind {
	case libimage.EventStart:
		b.end()
		fmt.Fprintln(b.w, cli.Printable(b.verb+" "+e.Message))
		b.pool = mpb.New(mpb.WithOutput(b.w), mpb.WithWidth(40), mpb.WithAutoRefresh(), mpb.WithRefreshRate(100*time.Millisecond))
	case libimage.EventRetry:
		b.end()
		fmt.Fprintln(b.w, cli.Printable(e.Message))
	case libimage.EventBlob:
		b.add(key, e)
	case libimage.EventProgress:
		if bar := b.all[key]; bar != nil {
			bar.SetCurrent(e.Offset)
		}
	case libimage.EventSkipped:
		b.add(key, e)
		b.complete(key, max(e.Size, 0))
	case libimage.EventDone:
		b.complete(key, e.Offset)
	case libimage.EventFinish:
		b.end()
	}
}

func (b *bars) add(key string, e libimage.Event) {
	if b.pool == nil || b.all[key] != nil {
		return
	}
	what := "fetching"
	if e.Kind == libimage.EventSkipped {
		what = "is there"
	}
	b.all[key] = b.pool.AddBar(max(e.Size, 0),
		mpb.PrependDecorators(decor.Name(short(e)+" "), decor.OnComplete(decor.Name(what), "done    ")),
		mpb.AppendDecorators(decor.CountersKibiByte(" % .1f / % .1f")))
}

func (b *bars) complete(key string, offset int64) {
	if bar := b.all[key]; bar != nil {
		bar.SetCurrent(offset)
		bar.SetTotal(-1, true)
	}
}

// end leaves the bars as they are and stops drawing.
func (b *bars) end() {
	if b.pool == nil {
		return
	}
	for _, bar := range b.all {
		if !bar.Completed() {
			bar.Abort(false)
		}
	}
	b.pool.Wait()
	b.pool, b.all = nil, map[string]*mpb.Bar{}
}

func (b *bars) Close() { b.end() }

// short gives what of a digest tells blobs apart.
func short(e libimage.Event) string {
	hex := e.Digest.Encoded()
	return hex[:min(len(hex), 12)]
}
