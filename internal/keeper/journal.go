// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/tug-containers/tug/libexec/monitor"
	"golang.org/x/sys/unix"
)

// journal sends each line to systemd's journal, with the fields that podman has.
// See systemd's "Native Journal Protocol".
type journal struct {
	fd     int
	socket string
	fields []byte
	mu     sync.Mutex
	lines  map[byte][]byte // what does not end a line yet
}

const journalSocket = "/run/systemd/journal/socket"

func openJournal(c *monitor.Config, socket string) (*journal, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: socket}); err != nil {
		unix.Close(fd)
		return nil, &os.PathError{Op: "journal: connect", Path: socket, Err: err}
	}
	tag := c.Log.Tag
	if tag == "" {
		tag = c.ID[:min(12, len(c.ID))]
	}
	j := &journal{fd: fd, socket: socket, lines: map[byte][]byte{}}
	for _, field := range [][2]string{
		{"SYSLOG_IDENTIFIER", tag}, {"CONTAINER_ID_FULL", c.ID}, {"CONTAINER_ID", c.ID[:min(12, len(c.ID))]},
		{"CONTAINER_NAME", c.Name}, {"CONTAINER_TAG", c.Log.Tag}, {"IMAGE_NAME", c.Image},
	} {
		if field[1] != "" {
			j.fields = appendField(j.fields, field[0], []byte(field[1]))
		}
	}
	for name, value := range c.Log.Labels {
		j.fields = appendField(j.fields, name, []byte(value))
	}
	return j, nil
}

// appendField writes a value with its length, which may hold anything.
func appendField(b []byte, name string, value []byte) []byte {
	b = append(b, name...)
	b = append(b, '\n')
	b = binary.LittleEndian.AppendUint64(b, uint64(len(value)))
	b = append(b, value...)
	return append(b, '\n')
}

func (j *journal) write(stream byte, content []byte, running func() bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(content) > 0 {
		part, rest, ended := bytes.Cut(content, []byte("\n"))
		content = rest
		line := append(j.lines[stream], part...)
		for len(line) > lineLimit {
			j.send(stream, line[:lineLimit], true, running)
			line = append(line[:0], line[lineLimit:]...)
		}
		if ended {
			j.send(stream, line, false, running)
			line = line[:0]
		}
		j.lines[stream] = line
	}
}

func (j *journal) finish(stream byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if line := j.lines[stream]; len(line) > 0 {
		j.send(stream, line, false, func() bool { return false })
	}
	delete(j.lines, stream)
}

// send writes one entry. The journal takes entries as fast as it can, and then
// makes the sender wait; while it is restarted they are tried again.
func (j *journal) send(stream byte, line []byte, partial bool, running func() bool) {
	priority := "6"
	if stream == monitor.FrameError {
		priority = "3"
	}
	entry := appendField(bytes.Clone(j.fields), "MESSAGE", line)
	entry = append(entry, "PRIORITY="+priority+"\n"...)
	if partial {
		entry = append(entry, "CONTAINER_PARTIAL_MESSAGE=true\n"...)
	}
	for {
		_, err := unix.Write(j.fd, entry)
		switch {
		case err == nil:
			return
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ENOTCONN) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.ENOBUFS):
			if !running() {
				return
			}
			time.Sleep(fullPause)
			_ = unix.Connect(j.fd, &unix.SockaddrUnix{Name: j.socket})
		default:
			return
		}
	}
}

func (j *journal) close() { unix.Close(j.fd) }
