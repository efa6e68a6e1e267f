// SPDX-License-Identifier: Apache-2.0

package life

import (
	"os"

	"golang.org/x/sys/unix"
)

// readFile reads a file, and of one that is larger than limit more than that. A list of
// containers reads thousands: an os.File would cost twice as much.
func readFile(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|noFollow, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var buf [4096]byte // nearly every file fits
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
	return data, nil
}
