// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// The descriptors of a monitor, beside 0 to 2.
const (
	ConfigFD     = 3
	ReportFD     = 4
	ConnectionFD = 5
	ExtraFD      = 6
)

// ErrProtocol says that what came over a connection is not of this protocol.
var ErrProtocol = errors.New("not what the monitor protocol allows")

// Conn is one end of a connection. Reading is for one goroutine, writing for
// another. Close ends both.
type Conn struct {
	file *os.File
	buf  []byte
}

// NewConn makes a connection of a socket of type SOCK_SEQPACKET that does not
// block. It owns the file.
func NewConn(file *os.File) *Conn {
	return &Conn{file: file}
}

// Pair makes both ends of a connection, close-on-exec. Peer blocks, as the
// process that inherits it may like; it is set to what it wants there.
func Pair() (own *Conn, peer *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	return NewConn(os.NewFile(uintptr(fds[0]), "connection")), os.NewFile(uintptr(fds[1]), "connection"), nil
}

// Read gives the next frame, whose content is good until the next call. The end
// of the connection is io.EOF.
func (c *Conn) Read() (kind byte, content []byte, err error) {
	if c.buf == nil {
		c.buf = make([]byte, FrameLimit+1)
	}
	n, err := c.file.Read(c.buf)
	switch {
	case errors.Is(err, unix.ECONNRESET):
		return 0, nil, io.EOF
	case err != nil:
		return 0, nil, err
	case n == 0:
		return 0, nil, io.EOF
	}
	return c.buf[0], c.buf[1:n], nil
}

// WriteFrame writes a frame: frame[0] is its kind. It blocks while the peer does
// not read.
func (c *Conn) WriteFrame(frame []byte) error {
	_, err := c.file.Write(frame)
	return err
}

// Write writes a frame with a content of at most FrameLimit bytes.
func (c *Conn) Write(kind byte, content []byte) error {
	return c.WriteFrame(append([]byte{kind}, content...))
}

// WriteJSON writes a frame whose content is v as JSON.
func (c *Conn) WriteJSON(kind byte, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.Write(kind, data)
}

// SetReadDeadline and SetWriteDeadline are those of os.File.
func (c *Conn) SetReadDeadline(t time.Time) error  { return c.file.SetReadDeadline(t) }
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.file.SetWriteDeadline(t) }

// Close ends the connection.
func (c *Conn) Close() error { return c.file.Close() }

// Attach connects to the monitor of the container with this run directory, and
// says hello. No monitor there is fs.ErrNotExist or unix.ECONNREFUSED.
func Attach(ctx context.Context, runDir string, hello Hello) (*Conn, Hello, error) {
	var answer Hello
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, answer, fmt.Errorf("socket: %w", err)
	}
	file := os.NewFile(uintptr(fd), "connection")
	if err := connect(fd, runDir); err != nil {
		return nil, answer, errors.Join(err, file.Close())
	}
	c := NewConn(file)
	stop := context.AfterFunc(ctx, func() { _ = file.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	hello.Version = Version
	err = c.WriteJSON(FrameHello, hello)
	var kind byte
	var content []byte
	if err == nil {
		kind, content, err = c.Read()
	}
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case err != nil:
	case kind != FrameHello:
		err = ErrProtocol
	default:
		if err = json.Unmarshal(content, &answer); err == nil && answer.Version < 1 {
			err = ErrProtocol
		}
	}
	if err != nil {
		return nil, answer, errors.Join(err, c.Close())
	}
	return c, answer, nil
}

// connect goes by a descriptor of the directory: the path of a socket must be
// shorter than 108 bytes, and a run root may be anywhere.
func connect(fd int, runDir string) error {
	dir, err := os.Open(runDir)
	if err != nil {
		return err
	}
	defer dir.Close()
	path := "/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + Socket
	for {
		err := unix.Connect(fd, &unix.SockaddrUnix{Name: path})
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			if err != nil {
				err = &os.PathError{Op: "connect", Path: filepath.Join(runDir, Socket), Err: err}
			}
			return err
		}
		time.Sleep(time.Millisecond) // more ask at once than the monitor has taken yet
	}
}
