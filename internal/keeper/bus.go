// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"encoding/json"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/tug-containers/tug/libexec/monitor"
	"golang.org/x/sys/unix"
)

// bus is who has attached, and the container's stdin or terminal.
type bus struct {
	k        *keeper
	mu       sync.Mutex
	clients  []*client
	closed   bool
	socket   *os.File
	input    *os.File // nil when there is none, or it is closed
	over     bool     // who was to write to it has ended it, for all lives
	terminal bool
}

// client is one connection.
type client struct {
	conn   *monitor.Conn
	output bool
	// patient is the connection of the start: it is waited for while the container
	// runs.
	patient bool
	wrote   bool // to stdin
	log     bool // reads the log's files
	gone    chan struct{}
}

func newClient(fd int) *client {
	return &client{conn: monitor.NewConn(os.NewFile(uintptr(fd), "connection")), gone: make(chan struct{})}
}

func newBus(k *keeper) *bus { return &bus{k: k} }

// listen lets others attach.
func (b *bus) listen() error {
	fd, err := listen(b.k.runDir, monitor.Socket, unix.SOCK_SEQPACKET)
	if err != nil {
		return &os.PathError{Op: "listen", Path: monitor.Socket, Err: err}
	}
	b.socket = os.NewFile(uintptr(fd), monitor.Socket)
	go b.accept()
	return nil
}

func (b *bus) accept() {
	raw, err := b.socket.SyscallConn()
	if err != nil {
		return
	}
	for {
		var conn int
		var aerr error
		err := raw.Read(func(fd uintptr) bool {
			conn, _, aerr = unix.Accept4(int(fd), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
			return aerr != unix.EAGAIN
		})
		switch {
		case err != nil:
			return // closed
		case aerr != nil:
			time.Sleep(10 * time.Millisecond) // too many descriptors, for now
			continue
		}
		go b.serve(newClient(conn), true)
	}
}

// adopt takes the connection of the start, unless the descriptor is no socket.
func (b *bus) adopt(fd int) {
	if _, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || unix.SetNonblock(fd, true) != nil {
		unix.Close(fd)
		return
	}
	c := newClient(fd)
	c.output, c.patient = true, true
	if b.join(c) {
		go b.serve(c, false)
	}
}

func (b *bus) join(c *client) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		c.conn.Close()
		return false
	}
	b.clients = append(b.clients, c)
	return true
}

func (b *bus) leave(c *client) {
	b.mu.Lock()
	b.clients = slices.DeleteFunc(b.clients, func(other *client) bool { return other == c })
	b.mu.Unlock()
	if c.wrote && b.k.c.StdinOnce {
		b.closeInput()
	}
	c.conn.Close()
}

// serve reads what one client has to say, until it goes.
func (b *bus) serve(c *client, stranger bool) {
	if stranger {
		hello, ok := b.greet(c)
		if !ok {
			c.conn.Close()
			return
		}
		c.output, c.log = hello.Output, hello.Log
		if !b.join(c) {
			return
		}
	}
	defer close(c.gone)
	defer b.leave(c)
	for {
		kind, content, err := c.conn.Read()
		if err != nil {
			return
		}
		switch kind {
		case monitor.FrameInput:
			c.wrote = true
			b.write(content)
		case monitor.FrameEOF:
			if b.k.c.StdinOnce {
				b.closeInput()
			}
		case monitor.FrameResize:
			b.resize(content)
		}
	}
}

func (b *bus) greet(c *client) (hello monitor.Hello, ok bool) {
	_ = c.conn.SetReadDeadline(time.Now().Add(monitor.StallLimit))
	kind, content, err := c.conn.Read()
	if err != nil || kind != monitor.FrameHello || json.Unmarshal(content, &hello) != nil {
		return hello, false
	}
	_ = c.conn.SetReadDeadline(time.Time{})
	_ = c.conn.SetWriteDeadline(time.Now().Add(monitor.StallLimit))
	return hello, c.conn.WriteJSON(monitor.FrameHello, monitor.Hello{Version: monitor.Version, Terminal: b.k.c.Terminal}) == nil
}

// output gives what the container wrote to all who want it, in frames. The first byte
// of buf is not part of it.
func (b *bus) output(kind byte, buf []byte) {
	clients := b.all()
	for len(clients) > 0 && len(buf) > 1 {
		frame := buf[:min(len(buf), 1+monitor.FrameLimit)]
		before := frame[0]
		frame[0] = kind
		for _, c := range clients {
			if c.output {
				b.give(c, frame)
			}
		}
		frame[0] = before
		buf = buf[len(frame)-1:]
	}
}

// tell gives a frame to everybody.
func (b *bus) tell(kind byte, content any) {
	data, err := json.Marshal(content)
	if err != nil {
		return
	}
	b.hurry()
	for _, c := range b.all() {
		b.give(c, append([]byte{kind}, data...))
	}
}

// give writes to one client. Who cannot be written to is cut off, and its reader
// does the rest.
func (b *bus) give(c *client, frame []byte) {
	if !c.patient {
		_ = c.conn.SetWriteDeadline(time.Now().Add(monitor.StallLimit))
	}
	if c.conn.WriteFrame(frame) != nil {
		b.mu.Lock()
		b.clients = slices.DeleteFunc(b.clients, func(other *client) bool { return other == c })
		b.mu.Unlock()
		_ = c.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

func (b *bus) all() []*client {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.clients) == 0 {
		return nil
	}
	return slices.Clone(b.clients)
}

// hurry ends the patience with the connection of the start: the container has
// ended, and its clean-up waits for nobody.
func (b *bus) hurry() {
	for _, c := range b.all() {
		if c.patient {
			_ = c.conn.SetWriteDeadline(time.Now().Add(monitor.StallLimit))
		}
	}
}

// unhurry is for a further life, in which the connection of the start is waited for
// again.
func (b *bus) unhurry() {
	for _, c := range b.all() {
		if c.patient {
			_ = c.conn.SetWriteDeadline(time.Time{})
		}
	}
}

// setInput sets the container's stdin, or its terminal. The bus owns a pipe, and
// not a terminal.
func (b *bus) setInput(f *os.File, terminal bool) {
	b.mu.Lock()
	old, was := b.input, b.terminal
	b.input, b.terminal = f, terminal
	over := b.over
	b.mu.Unlock()
	if over {
		b.closeInput()
	}
	if old != nil && !was {
		old.Close()
	}
}

// closeInput ends the container's stdin; a terminal has no end.
func (b *bus) closeInput() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	if b.input != nil && !b.terminal {
		b.input.Close()
		b.input = nil
	}
}

func (b *bus) write(content []byte) {
	b.mu.Lock()
	f := b.input
	b.mu.Unlock()
	if f != nil {
		_, _ = f.Write(content) // a container that reads no more has no need of it
	}
}

func (b *bus) resize(content []byte) {
	var size monitor.Size
	if json.Unmarshal(content, &size) != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.terminal && b.input != nil {
		_ = unix.IoctlSetWinsize(int(rawFD(b.input)), unix.TIOCSWINSZ, &unix.Winsize{Row: size.Height, Col: size.Width})
	}
}

// awaitReaders gives those who read the log the time to read it to its end.
func (b *bus) awaitReaders() {
	limit := time.NewTimer(monitor.LogLimit)
	defer limit.Stop()
	for _, c := range b.all() {
		if !c.log {
			continue
		}
		select {
		case <-c.gone:
		case <-limit.C:
			return
		}
	}
}

// deafen lets nobody attach any more.
func (b *bus) deafen() {
	if b.socket != nil {
		b.socket.Close()
	}
	_ = unix.Unlinkat(int(rawFD(b.k.runDir)), monitor.Socket, 0)
}

// close lets everybody go: the container is cleaned up.
func (b *bus) close() {
	b.mu.Lock()
	b.closed = true
	clients := b.clients
	b.clients = nil
	b.mu.Unlock()
	for _, c := range clients {
		c.conn.Close()
	}
}
