// SPDX-License-Identifier: Apache-2.0

package ondisk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Read reads a file of ours: no link, no pipe that one would wait for, and not more
// than limit. A list of containers reads thousands: an os.File would cost twice as
// much.
func Read(path string, limit int) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|noFollow, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var buf [4 << 10]byte // nearly every file fits
	var data []byte
	for len(data) <= limit {
		n, err := unix.Read(fd, buf[:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "read", Path: path, Err: err}
		}
		data = append(data, buf[:n]...)
		if n < len(buf) {
			break // a regular file gives all that it has
		}
	}
	return data, bounded(path, len(data), limit)
}

// ReadHost reads a file of the host's: links are followed, and the kernel's files give
// what they have in pieces.
func ReadHost(path string, limit int) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil {
		err = bounded(path, len(data), limit)
	}
	return data, err
}

func bounded(path string, size, limit int) error {
	if size > limit {
		return fmt.Errorf("%s: larger than %d bytes", path, limit)
	}
	return nil
}

// Names lists a directory, in no order; a missing one is empty.
func Names(path string) ([]string, error) {
	d, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	names, err := d.Readdirnames(-1)
	return names, errors.Join(err, d.Close())
}
