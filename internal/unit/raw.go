// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"fmt"
	"os"
	"syscall"
)

// Files are read and written by plain system calls: package os asks the poller
// about each one first, which is half of what a generator has to do.

// readFile reads a regular file of at most fileLimit bytes.
func readFile(path string) ([]byte, error) {
	fd, err := retry(func() (int, error) {
		return syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer syscall.Close(fd)
	var stat syscall.Stat_t
	if err := syscall.Fstat(fd, &stat); err != nil {
		return nil, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if stat.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	data := make([]byte, 0, min(stat.Size, fileLimit)+1)
	for {
		if len(data) > fileLimit {
			return nil, fmt.Errorf("%s: larger than %d bytes", path, fileLimit)
		}
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)] // it grows while we read
		}
		n, err := retry(func() (int, error) { return syscall.Read(fd, data[len(data):cap(data)]) })
		if err != nil {
			return nil, &os.PathError{Op: "read", Path: path, Err: err}
		}
		if n == 0 {
			return data, nil
		}
		data = data[:len(data)+n]
	}
}

// writeFile writes a new file.
func writeFile(path, text string) error {
	fd, err := retry(func() (int, error) {
		return syscall.Open(path, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_TRUNC|syscall.O_CLOEXEC, 0o644)
	})
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	for rest := []byte(text); len(rest) > 0 && err == nil; {
		var n int
		n, err = retry(func() (int, error) { return syscall.Write(fd, rest) })
		rest = rest[max(n, 0):]
	}
	if cerr := syscall.Close(fd); err == nil {
		err = cerr
	}
	if err != nil {
		return &os.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}

// retry calls again what a signal has interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != syscall.EINTR {
			return n, err
		}
	}
}
