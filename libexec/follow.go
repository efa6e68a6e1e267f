// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/tug-containers/tug/libexec/monitor"
)

// FollowOptions are the ways to follow a container.
type FollowOptions struct {
	// Stdio is the caller's. A nil In sends nothing.
	Stdio Stdio
	// Terminal: the container has one, and ours becomes its. DetachKeys leave it
	// alone; see ParseDetachKeys.
	Terminal   bool
	DetachKeys []byte
	// Signals are given to Signal, which passes them on. Nil leaves signals alone.
	Signals *Signals
	Signal  func(syscall.Signal)
}

// Followed is how following ended.
type Followed struct {
	// Code is the container's exit status, nil when nobody knows.
	Code *int
	// Detached is set when the keys were typed: the container goes on.
	Detached bool
	// Lost is set when the monitor is gone without a word.
	Lost bool
}

// Follow copies between a container's monitor and Stdio, until the container has
// ended and is cleaned up, or the keys to detach are typed. It closes the
// connection. The error is that of ctx, or of writing to Stdio; in both cases the
// container goes on.
func Follow(ctx context.Context, conn *monitor.Conn, o FollowOptions) (Followed, error) {
	f := &follower{conn: conn, o: &o, detached: make(chan struct{}), input: make(chan struct{})}
	defer conn.Close()
	var err error
	if f.wake, f.wakeW, err = os.Pipe(); err != nil {
		return Followed{}, err
	}
	defer f.wake.Close()
	if o.Terminal && IsTerminal(o.Stdio.In) {
		state, err := term.MakeRaw(int(o.Stdio.In.Fd()))
		if err != nil {
			f.wakeW.Close()
			return Followed{}, fmt.Errorf("raw mode: %w", err)
		}
		defer func() { _ = term.Restore(int(o.Stdio.In.Fd()), state) }()
	}
	f.resize()
	if o.Stdio.In != nil {
		go f.copyIn()
	} else {
		close(f.input)
	}
	end, err := f.serve(ctx)
	f.wakeW.Close()
	conn.Close() // ends a write that nobody reads
	if IsTerminal(o.Stdio.In) {
		<-f.input // before the terminal is given back
	}
	return end, err
}

type follower struct {
	conn     *monitor.Conn
	o        *FollowOptions
	wake     *os.File // ends the reader of stdin
	wakeW    *os.File
	keys     detachKeys
	detached chan struct{}
	input    chan struct{} // closed when stdin is read no more
}

// serve waits for what comes first: the end, the keys, a signal, ctx.
func (f *follower) serve(ctx context.Context) (Followed, error) {
	var end Followed
	over := make(chan error, 1)
	go func() {
		var err error
		end, err = f.copyOut()
		over <- err
	}()
	f.o.Signals.catchRest()
	for {
		select {
		case err := <-over:
			return end, err
		case <-f.detached:
			return Followed{Detached: true}, nil
		case <-ctx.Done():
			return Followed{}, context.Cause(ctx)
		case sig := <-f.o.Signals.channel():
			switch n, ok := sig.(syscall.Signal); {
			case !ok || n == syscall.SIGPIPE:
			case n == syscall.SIGWINCH && f.o.Terminal:
				f.resize()
			case f.o.Signal != nil:
				f.o.Signal(n)
			}
		}
	}
}

// copyOut writes what comes until the connection ends.
func (f *follower) copyOut() (Followed, error) {
	end := Followed{Lost: true}
	for {
		kind, content, err := f.conn.Read()
		if errors.Is(err, io.EOF) {
			return end, nil
		}
		if err != nil {
			return end, err
		}
		to := f.o.Stdio.Out
		switch kind {
		case monitor.FrameError:
			to = f.o.Stdio.Err
		case monitor.FrameOutput:
		case monitor.FrameExit:
			var ended monitor.Ended
			if err := json.Unmarshal(content, &ended); err != nil {
				return end, fmt.Errorf("%w: %w", monitor.ErrProtocol, err)
			}
			if !ended.Restarts {
				end = Followed{Code: ended.Code}
			}
			continue
		default:
			continue // of a newer monitor
		}
		if to == nil {
			continue
		}
		if _, err := to.Write(content); err != nil {
			return Followed{}, err
		}
	}
}

func (f *follower) resize() {
	if !f.o.Terminal {
		return
	}
	if box := TerminalSize(f.o.Stdio.In, f.o.Stdio.Out, f.o.Stdio.Err); box != nil {
		_ = f.conn.WriteJSON(monitor.FrameResize, monitor.Size{Width: uint16(box.Width), Height: uint16(box.Height)})
	}
}

// copyIn sends our input until it ends, and says so.
func (f *follower) copyIn() {
	defer close(f.input)
	in := f.o.Stdio.In
	f.keys.keys = f.o.DetachKeys
	if !f.o.Terminal {
		f.keys.keys = nil
	}
	fds := []unix.PollFd{{Fd: int32(in.Fd()), Events: unix.POLLIN}, {Fd: int32(f.wake.Fd()), Events: unix.POLLIN}}
	buf := make([]byte, 16<<10) // the keys that were held back come on top
	for {
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		if fds[1].Revents != 0 {
			return
		}
		if fds[0].Revents == 0 {
			continue
		}
		n, err := in.Read(buf)
		if n > 0 {
			data, detach := f.keys.pass(buf[:n])
			if len(data) > 0 && f.conn.Write(monitor.FrameInput, data) != nil {
				return
			}
			if detach {
				close(f.detached)
				return
			}
		}
		if err != nil || n == 0 {
			f.endInput()
			return
		}
	}
}

// endInput says that there is no more. For a terminal that is its end-of-file
// character, which counts at the start of a line only; elsewhere the first one
// ends the line.
func (f *follower) endInput() {
	if !f.o.Terminal {
		_ = f.conn.Write(monitor.FrameEOF, nil)
		return
	}
	if held := f.keys.held(); len(held) > 0 {
		_ = f.conn.Write(monitor.FrameInput, held)
	}
	eof := []byte{4}
	if last := f.keys.last; last != '\n' && last != 0 {
		eof = []byte{4, 4}
	}
	_ = f.conn.Write(monitor.FrameInput, eof)
}
