// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/tug-containers/tug/libexec/monitor"
	"golang.org/x/sys/unix"
)

// streams is the stdio of one life of the container: our ends, and until the
// runtime has them, the container's.
type streams struct {
	k        *keeper
	theirs   []*os.File // stdin, stdout, stderr; nil for those of the runtime
	out, err *os.File   // we read
	console  *console   // where a terminal comes from
	readers  sync.WaitGroup
	done     chan struct{}
	quiet    *time.Timer // when nothing has come for a while
}

// quietAfter is how long there must be no output for memory to be given back.
const quietAfter = time.Second

func (k *keeper) openStreams() (*streams, error) {
	s := &streams{k: k, done: make(chan struct{}), quiet: time.AfterFunc(quietAfter, settle)}
	if k.c.Terminal {
		console, err := listenConsole(k.runDir)
		s.console = console
		return s, err
	}
	if k.c.Log.Driver == monitor.LogPassthrough {
		s.theirs = []*os.File{os.Stdin, os.Stdout, os.Stderr}
		return s, nil
	}
	s.theirs = []*os.File{k.null, nil, nil}
	for i, ours := range []**os.File{&s.out, &s.err} {
		r, w, err := pipe()
		if err != nil {
			s.close()
			return nil, err
		}
		*ours, s.theirs[i+1] = r, w
	}
	if k.c.Stdin {
		r, w, err := pipe()
		if err != nil {
			s.close()
			return nil, err
		}
		s.theirs[0] = r
		k.bus.setInput(w, false)
	}
	return s, nil
}

// slavePause is how often a terminal that nobody has open is looked at.
const slavePause = 50 * time.Millisecond

// pipeSize is more than a pipe has by default, so that writer and reader take
// turns less often.
const pipeSize = 256 << 10

// pipe makes a pipe whose ends are close-on-exec.
func pipe() (r, w *os.File, err error) {
	if r, w, err = os.Pipe(); err == nil {
		_, _ = unix.FcntlInt(rawFD(w), unix.F_SETPIPE_SZ, pipeSize) // users have a limit for all pipes
	}
	return r, w, err
}

// container gives the files of `create`: the container's own, where said are the
// runtime's.
func (s *streams) container(said *os.File) []*os.File {
	if s.console != nil {
		return []*os.File{s.k.null, said, said}
	}
	for _, f := range s.theirs {
		// Reading from our end does not wait in the kernel, but theirs must.
		_ = unix.SetNonblock(int(rawFD(f)), false)
	}
	return append([]*os.File{}, s.theirs...)
}

// given closes what the runtime has got.
func (s *streams) given() {
	for _, f := range s.theirs {
		if f != s.k.null && rawFD(f) > 2 {
			f.Close()
		}
	}
	s.theirs = nil
}

// created takes the terminal that the runtime has sent.
func (s *streams) created() error {
	if s.console == nil {
		return nil
	}
	master, err := s.console.receive()
	if err != nil {
		return err
	}
	s.out = master
	s.k.bus.setInput(master, true)
	return nil
}

// copy begins to read.
func (s *streams) copy() {
	for _, from := range []struct {
		file *os.File
		kind byte
	}{{s.out, monitor.FrameOutput}, {s.err, monitor.FrameError}} {
		if from.file != nil {
			s.readers.Go(func() { s.read(from.file, from.kind) })
		}
	}
	go func() {
		s.readers.Wait()
		close(s.done)
	}()
}

// flood is how much is read at once of what comes faster than it is written: who
// writes is then woken a quarter as often.
const flood = 4 * monitor.FrameLimit

// read copies one stream to those who attached, and into the log. The buffer has a
// byte in front for the head of a frame.
func (s *streams) read(from *os.File, kind byte) {
	usual := make([]byte, 1+monitor.FrameLimit)
	buf := usual
	for {
		n, err := from.Read(buf[1:])
		if n > 0 {
			s.quiet.Reset(quietAfter)
			s.k.bus.output(kind, buf[:1+n])
			s.k.log.write(kind, buf[1:1+n], s.k.running)
		}
		switch {
		case n < len(usual)-1:
			buf = usual
		case len(buf) == len(usual):
			buf = make([]byte, 1+flood)
		}
		switch {
		case err == nil:
		case errors.Is(err, unix.EIO) && s.console != nil && s.k.running():
			time.Sleep(slavePause) // nobody has the other side open, for the moment
		case errors.Is(err, unix.EIO) || errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, os.ErrClosed):
			// EIO is the end of a terminal that nobody has open.
			s.k.log.finish(kind)
			return
		default:
			return
		}
	}
}

// running tells whether the container's process is there: for it a full disk is
// waited for.
func (k *keeper) running() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.process != nil
}

// drain returns when all output is read, or the time is over.
func (s *streams) drain(limit time.Duration) {
	if s.out == nil && s.err == nil {
		return
	}
	s.k.bus.hurry()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-s.done:
	case <-timer.C:
	}
}

// close ends what still goes on.
func (s *streams) close() {
	s.k.bus.setInput(nil, false)
	s.given()
	for _, f := range []*os.File{s.out, s.err} {
		if f != nil {
			_ = f.SetReadDeadline(time.Unix(1, 0))
		}
	}
	s.readers.Wait()
	for _, f := range []*os.File{s.out, s.err} {
		if f != nil {
			f.Close()
		}
	}
	if s.console != nil {
		s.console.close()
	}
}
