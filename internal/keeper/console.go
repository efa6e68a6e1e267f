// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// console is the socket over which the runtime sends the container's terminal.
type console struct {
	dir  *os.File
	fd   int
	path string // by which the runtime finds it
}

const consoleName = "console"

func listenConsole(dir *os.File) (*console, error) {
	fd, err := listen(dir, consoleName, unix.SOCK_STREAM)
	if err != nil {
		return nil, fmt.Errorf("console socket: %w", err)
	}
	// A socket's path must be shorter than 108 bytes, and the run directory may be
	// anywhere: the runtime goes by our descriptor of it.
	path := "/proc/" + strconv.Itoa(os.Getpid()) + "/fd/" + strconv.Itoa(int(rawFD(dir))) + "/" + consoleName
	return &console{dir: dir, fd: fd, path: path}, nil
}

// listen makes a socket in dir, in place of one of a former start.
func listen(dir *os.File, name string, kind int) (int, error) {
	at := int(rawFD(dir))
	if err := unix.Unlinkat(at, name, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return -1, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	old := unix.Umask(0o177)
	err = unix.Bind(fd, &unix.SockaddrUnix{Name: "/proc/self/fd/" + strconv.Itoa(at) + "/" + name})
	unix.Umask(old)
	if err == nil {
		err = unix.Listen(fd, 128)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// receive takes the terminal, which the runtime has sent before it exited.
func (c *console) receive() (*os.File, error) {
	conn, err := c.accept()
	if err != nil {
		return nil, fmt.Errorf("console socket: %w", err)
	}
	defer unix.Close(conn)
	tv := unix.NsecToTimeval(consoleLimit.Nanoseconds())
	if err := unix.SetsockoptTimeval(conn, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return nil, err
	}
	name, rights := make([]byte, 4096), make([]byte, unix.CmsgSpace(4*4))
	_, n, _, _, err := unix.Recvmsg(conn, name, rights, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("console socket: %w", err)
	}
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil {
		return nil, fmt.Errorf("console socket: %w", err)
	}
	var fds []int
	for i := range messages {
		if got, err := unix.ParseUnixRights(&messages[i]); err == nil {
			fds = append(fds, got...)
		}
	}
	if len(fds) == 1 {
		if _, err := unix.IoctlGetTermios(fds[0], unix.TCGETS); err == nil && unix.SetNonblock(fds[0], true) == nil {
			return os.NewFile(uintptr(fds[0]), "terminal"), nil
		}
	}
	for _, fd := range fds {
		unix.Close(fd)
	}
	return nil, errors.New("console socket: the runtime sent no terminal")
}

const consoleLimit = 5 * time.Second

func (c *console) accept() (int, error) {
	fds := []unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, int(consoleLimit.Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return -1, err
		case n == 0:
			return -1, errTimeout
		}
		conn, _, err := unix.Accept4(c.fd, unix.SOCK_CLOEXEC)
		return conn, err
	}
}

func (c *console) close() {
	unix.Close(c.fd)
	_ = unix.Unlinkat(int(rawFD(c.dir)), consoleName, 0)
}
