// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/containerd/console"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// TerminalSize gives the size of the first of files that is a terminal, for
// process.consoleSize of a spec, or nil.
func TerminalSize(files ...*os.File) *specs.Box {
	for _, f := range files {
		if f == nil {
			continue
		}
		if width, height, err := term.GetSize(int(f.Fd())); err == nil {
			return &specs.Box{Width: uint(width), Height: uint(height)}
		}
	}
	return nil
}

// IsTerminal reports whether f is a terminal.
func IsTerminal(f *os.File) bool { return f != nil && term.IsTerminal(int(f.Fd())) }

// consoleSocket receives the container's terminal from the runtime.
type consoleSocket struct {
	listener *net.UnixListener
	dir      *os.File
	file     string // where it is
	path     string // by which the runtime finds it
}

// listenConsole listens in dir. A socket's path must be shorter than 108 bytes
// and a run root may be anywhere, so both sides go by a descriptor of dir.
func listenConsole(dir string) (*consoleSocket, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	s := &consoleSocket{dir: d, file: filepath.Join(dir, "console")}
	_ = os.Remove(s.file) // of a former run; if it stays, listening says so
	s.path = "/proc/" + strconv.Itoa(os.Getpid()) + "/fd/" + strconv.Itoa(int(d.Fd())) + "/console"
	s.listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: s.path, Net: "unix"})
	if err != nil {
		d.Close()
		return nil, err
	}
	s.listener.SetUnlinkOnClose(false)
	return s, nil
}

func (s *consoleSocket) Close() {
	s.listener.Close()
	s.dir.Close()
	_ = os.Remove(s.file)
}

// receive takes the terminal that the runtime has sent before it exited.
func (s *consoleSocket) receive() (*os.File, error) {
	limit := time.Now().Add(grace)
	_ = s.listener.SetDeadline(limit)
	conn, err := s.listener.AcceptUnix()
	if err != nil {
		return nil, fmt.Errorf("console socket: %w", err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(limit)
	name, rights := make([]byte, 4096), make([]byte, syscall.CmsgSpace(4*4))
	_, n, _, _, err := conn.ReadMsgUnix(name, rights)
	if err != nil {
		return nil, fmt.Errorf("console socket: %w", err)
	}
	messages, err := syscall.ParseSocketControlMessage(rights[:n])
	if err != nil {
		return nil, fmt.Errorf("console socket: %w", err)
	}
	var fds []int
	for i := range messages {
		got, err := syscall.ParseUnixRights(&messages[i])
		if err == nil {
			fds = append(fds, got...)
		}
	}
	if len(fds) != 1 || !term.IsTerminal(fds[0]) {
		for _, fd := range fds {
			syscall.Close(fd)
		}
		return nil, errors.New("console socket: the runtime sent no terminal")
	}
	// Non-blocking, a read of it can be given a deadline.
	if err := syscall.SetNonblock(fds[0], true); err != nil {
		syscall.Close(fds[0])
		return nil, fmt.Errorf("console socket: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "container terminal"), nil
}

// session copies between Stdio and a container's terminal.
type session struct {
	stdio  Stdio
	master *os.File
	pty    console.Console
	raw    *term.State
	once   sync.Once
	wake   *os.File // ends the reader of stdin
	wakeW  *os.File
	ending atomic.Bool // the container is over: what is silent now stays so
	output chan error  // ends when all output is written
	input  chan struct{}
	keys   detachKeys
	// detached is closed when the keys were typed.
	detached chan struct{}
}

func openSession(stdio Stdio, master *os.File) (*session, error) {
	pty, err := console.ConsoleFromFile(master)
	if err != nil {
		return nil, err
	}
	s := &session{stdio: stdio, master: master, pty: pty, output: make(chan error, 1), input: make(chan struct{}), detached: make(chan struct{})}
	if s.wake, s.wakeW, err = os.Pipe(); err != nil {
		return nil, err
	}
	s.resize()
	return s, nil
}

// begin puts the caller's terminal into raw mode and starts to copy.
func (s *session) begin() error {
	if err := s.makeRaw(); err != nil {
		return err
	}
	go s.copyOut()
	if s.stdio.In != nil {
		go s.copyIn()
	} else {
		close(s.input)
	}
	return nil
}

// makeRaw changes a terminal that we read from: keys are then the container's.
func (s *session) makeRaw() error {
	if !IsTerminal(s.stdio.In) {
		return nil
	}
	state, err := term.MakeRaw(int(s.stdio.In.Fd()))
	if err != nil {
		return fmt.Errorf("raw mode: %w", err)
	}
	s.raw = state
	return nil
}

// restore gives the terminal back as it was. It may be called often.
func (s *session) restore() {
	s.once.Do(func() {
		if s.raw != nil {
			_ = term.Restore(int(s.stdio.In.Fd()), s.raw)
		}
	})
}

// restoreOnPanic keeps a defect of ours from leaving a shell in raw mode.
func (s *session) restoreOnPanic() {
	if p := recover(); p != nil {
		s.restore()
		panic(p)
	}
}

func (s *session) resize() {
	if box := TerminalSize(s.stdio.In, s.stdio.Out, s.stdio.Err); box != nil {
		_ = s.pty.Resize(console.WinSize{Width: uint16(box.Width), Height: uint16(box.Height)})
	}
}

func (s *session) copyOut() {
	defer s.restoreOnPanic()
	var err error
	buf := make([]byte, 64<<10)
	for {
		if s.ending.Load() {
			_ = s.master.SetReadDeadline(time.Now().Add(drainQuiet))
		}
		n, rerr := s.master.Read(buf)
		if n > 0 && err == nil && s.stdio.Out != nil {
			// After a write error the terminal is still emptied: a container must not
			// hang because nobody reads.
			_, err = s.stdio.Out.Write(buf[:n])
		}
		if rerr != nil {
			break // EIO: nobody has the other side open any more; or it was silent
		}
	}
	s.output <- err
}

func (s *session) copyIn() {
	defer close(s.input)
	defer s.restoreOnPanic()
	in, wake := s.stdio.In, int32(s.wake.Fd())
	fds := []unix.PollFd{{Fd: int32(in.Fd()), Events: unix.POLLIN}, {Fd: wake, Events: unix.POLLIN}}
	buf := make([]byte, 32<<10)
	for {
		if _, err := unix.Poll(fds, -1); err != nil {
			if errors.Is(err, unix.EINTR) {
				continue
			}
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
			data, detach := s.keys.pass(buf[:n])
			if _, werr := s.master.Write(data); werr != nil {
				return
			}
			if detach {
				close(s.detached)
				return
			}
		}
		if err != nil || n == 0 {
			break
		}
	}
	// The end of our input is the terminal's end-of-file character, which counts
	// at the start of a line only; elsewhere the first one ends the line.
	_, _ = s.master.Write(s.keys.held())
	eof := []byte{4}
	if last := s.keys.last; last != '\n' && last != 0 {
		eof = []byte{4, 4}
	}
	_, _ = s.master.Write(eof)
}

// drainQuiet is how long a terminal that is still held open after the container
// has ended, by a process that the runtime did not find, may be silent.
const drainQuiet = 500 * time.Millisecond

// end waits until all output is written, and gives the terminal back. Where
// nobody reads the output (a pager, ^S) that takes as long as it takes, until
// give is closed or a signal that asks us to end arrives on signals.
func (s *session) end(give <-chan struct{}, signals <-chan os.Signal) error {
	s.ending.Store(true)
	_ = s.master.SetReadDeadline(time.Now().Add(drainQuiet))
	var err error
	for waiting := true; waiting; {
		select {
		case err = <-s.output:
			waiting = false
		case <-give:
			waiting = false
		case sig := <-signals:
			n, ok := sig.(syscall.Signal)
			waiting = !ok || !Terminates(n)
		}
	}
	s.wakeW.Close()
	_ = s.master.SetWriteDeadline(time.Now())
	select {
	case <-s.input:
	case <-time.After(drainQuiet): // somebody else took what poll had seen: it hangs in read
	}
	s.restore()
	return err
}

// leave ends the copying while the process goes on, and gives our terminal back.
func (s *session) leave() {
	s.restore()
	_ = s.master.SetReadDeadline(time.Now())
	select {
	case <-s.output:
	case <-time.After(drainQuiet): // nobody takes what it writes
	}
	_ = s.master.SetReadDeadline(time.Time{})
}

func (s *session) close() {
	s.restore()
	s.wakeW.Close()
	s.wake.Close()
	s.master.Close()
}
