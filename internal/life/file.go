// SPDX-License-Identifier: Apache-2.0

package life

import (
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// readFile reads a file, and one byte more than limit of a larger one. A list of
// containers reads thousands: an os.File would cost twice as much.
func readFile(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|noFollow, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	data := make([]byte, 0, 4096)
	for len(data) <= limit {
		if len(data) == cap(data) {
			data = slices.Grow(data, len(data))
		}
		n, err := unix.Read(fd, data[len(data):min(cap(data), limit+1)])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "read", Path: path, Err: err}
		}
		if n == 0 {
			break
		}
		data = data[:len(data)+n]
	}
	return data, nil
}
