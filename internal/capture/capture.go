// SPDX-License-Identifier: Apache-2.0

// Package capture takes what a process prints, up to a bound. What is beyond it
// is read and dropped: the process does not stand still, and nothing grows.
//
// The package links the standard library and golang.org/x/sys alone, as the
// monitor does.
package capture

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Output is the output of one process. New makes it, Text ends it.
type Output struct {
	read, write *os.File
	data        []byte
	limit       int
	done        chan struct{}
}

// New begins to capture the first limit bytes.
func New(limit int) (*Output, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, &os.SyscallError{Syscall: "pipe2", Err: err}
	}
	// Our end must not wait in the kernel, and theirs must.
	err := unix.SetNonblock(fds[0], true)
	o := &Output{
		read: os.NewFile(uintptr(fds[0]), "output"), write: os.NewFile(uintptr(fds[1]), "output"),
		limit: limit, done: make(chan struct{}),
	}
	if err != nil {
		o.read.Close()
		o.write.Close()
		return nil, &os.SyscallError{Syscall: "fcntl", Err: err}
	}
	go o.copy()
	return o, nil
}

func (o *Output) copy() {
	defer close(o.done)
	buf := make([]byte, 16<<10)
	for {
		n, err := o.read.Read(buf)
		o.data = append(o.data, buf[:min(n, o.limit-len(o.data))]...)
		if err != nil {
			return
		}
	}
}

// File is what the process writes to.
func (o *Output) File() *os.File { return o.write }

// lastWords is how long Text waits for those that the process has left behind
// with its output.
const lastWords = 100 * time.Millisecond

// Text gives what was printed, when the process has ended.
func (o *Output) Text() string {
	o.write.Close()
	_ = o.read.SetReadDeadline(time.Now().Add(lastWords))
	<-o.done
	o.read.Close()
	return string(o.data)
}
