// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"encoding/json"

	"github.com/tug-containers/tug/libexec/monitor"
)

// watch knows when nothing more is written to a log. As long as its connection to
// the monitor is open, a container with --rm leaves its log there: without, the
// last files of one that rotates quickly could be gone before they are read.
type watch struct {
	*source
	conn *monitor.Conn
	over chan bool // true when the container has ended, false when the monitor is gone
	deaf bool      // the monitor stands still
}

// alive tells whether more may be written.
func (w *watch) alive(ctx context.Context) bool {
	if w.conn != nil {
		select {
		case ended := <-w.over:
			if ended {
				w.over <- true // whoever asks again
				return false
			}
			w.close()
		default:
			return true
		}
	}
	if !w.source.alive(ctx) {
		return false
	}
	if !w.deaf {
		w.connect(ctx)
	}
	return true
}

// connect asks the monitor, if there is one that answers.
func (w *watch) connect(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, monitor.LogLimit)
	defer cancel()
	conn, _, err := monitor.Attach(ctx, w.info.RunDir, monitor.Hello{Log: true})
	if err != nil {
		w.deaf = ctx.Err() != nil
		return
	}
	w.conn, w.over = conn, make(chan bool, 1)
	go listen(conn, w.over)
}

// listen waits for the word that the container has ended for good.
func listen(conn *monitor.Conn, over chan<- bool) {
	for {
		kind, content, err := conn.Read()
		if err != nil {
			over <- false
			return
		}
		var end monitor.Ended
		if kind == monitor.FrameExit && json.Unmarshal(content, &end) == nil && !end.Restarts {
			over <- true
			return
		}
	}
}

func (w *watch) close() {
	if w.conn != nil {
		w.conn.Close()
		w.conn = nil
	}
}
