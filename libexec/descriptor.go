// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/tug-containers/tug/internal/errclass"
	"golang.org/x/sys/unix"
)

// Stdio are the descriptors that a container gets. They are handed over, not
// copied through: the container reads and writes the very files.
type Stdio struct {
	// In, Out and Err; nil is /dev/null. With a terminal, In and Out are ours:
	// the container's own are the terminal.
	In, Out, Err *os.File
	// Extra become descriptors 3, 4, ... of the container.
	Extra []*os.File
}

// InheritedFiles gives descriptors 3 to 2+n, which the caller of this program
// left open for the container (--preserve-fds). It must be called before
// anything is executed. One that is not open is an error, and so is one that
// this program opened itself: those are marked close-on-exec.
func InheritedFiles(n int) ([]*os.File, error) {
	var files []*os.File
	for fd := 3; fd < 3+n; fd++ {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			name := strconv.Itoa(fd)
			return nil, errclass.New(errclass.Usage, name, fmt.Errorf("file descriptor %s: %w", name, ErrNoDescriptor))
		}
		unix.CloseOnExec(fd) // for any other program than the runtime
		files = append(files, os.NewFile(uintptr(fd), "fd"+strconv.Itoa(fd)))
	}
	return files, nil
}

// sealDescriptors marks every descriptor but the standard three close-on-exec,
// so that nothing that our caller left open reaches a runtime. What is passed
// on by name is duplicated in the child, and a duplicate is open again.
func sealDescriptors() error {
	err := unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
	if err == nil {
		return nil
	}
	if !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("close_range: %w", err)
	}
	// Linux before 5.11.
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("seal descriptors: %w", err)
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}
