// SPDX-License-Identifier: Apache-2.0

package userns

import (
	"os"
	"strconv"

	"github.com/tug-containers/tug/internal/errclass"
	"golang.org/x/sys/unix"
)

// Stay has the process live in the namespace also when it has executed another
// program: the descriptor with its lock is inherited then. root is the store's.
// Outside of a namespace it does nothing.
func Stay(root string) error {
	path := File(root)
	if path == "" {
		return nil
	}
	var file unix.Stat_t
	if err := unix.Stat(path, &file); err != nil {
		return errclass.New(errclass.Internal, path, &os.PathError{Op: "stat", Path: path, Err: err})
	}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range fds {
		fd, err := strconv.Atoi(e.Name())
		var st unix.Stat_t
		if err != nil || unix.Fstat(fd, &st) != nil || st.Dev != file.Dev || st.Ino != file.Ino {
			continue
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return os.NewSyscallError("fcntl", err)
		}
	}
	return nil
}
