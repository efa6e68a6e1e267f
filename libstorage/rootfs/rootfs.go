// SPDX-License-Identifier: Apache-2.0

package rootfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// FS is the root file system of one container. It is for one goroutine at a
// time.
type FS interface {
	// Driver names the implementation: "overlay", "library", "directory".
	Driver() string
	// Mount makes the file system visible and says where. Mounting what this
	// FS has mounted already is no error.
	Mount(ctx context.Context) (path string, err error)
	// Unmount undoes Mount; what was written stays. It is no error when
	// nothing is mounted. A *BusyError says that the file system is gone from
	// its path, but still in use by somebody.
	Unmount() error
	// Remove unmounts, and deletes what was written. A *BusyError says the
	// same as that of Unmount; everything is deleted nevertheless.
	Remove() error
	// Upper is the directory with what differs from the image, and "" where
	// there is none.
	Upper() string
}

// BusyError reports that a file system was in use when it was unmounted. It
// was detached: no path leads there any more, and it goes when its last user
// does.
type BusyError struct {
	Target string
	Users  []string // "PID (NAME)" of some that were found
}

func (e *BusyError) Error() string {
	by := "an unknown process"
	if len(e.Users) > 0 {
		by = strings.Join(e.Users, ", ")
	}
	return fmt.Sprintf("%s was in use by %s when it was unmounted: detached", e.Target, by)
}

// Busy takes the *BusyError out of what Unmount or Remove returned: the work
// was done, and there is something to say about it.
func Busy(err error) (*BusyError, bool) {
	var busy *BusyError
	ok := errors.As(err, &busy)
	return busy, ok
}

// Directory is an FS that somebody else keeps: nothing is mounted, nothing is
// ever deleted.
type Directory string

// Driver is "directory".
func (d Directory) Driver() string { return "directory" }

// Mount checks that it is a directory.
func (d Directory) Mount(context.Context) (string, error) {
	info, err := os.Stat(string(d))
	if err != nil {
		return "", fmt.Errorf("root file system: %w", err)
	}
	if !info.IsDir() {
		return "", fmt.Errorf("root file system %s: not a directory", string(d))
	}
	return string(d), nil
}

// Unmount does nothing.
func (d Directory) Unmount() error { return nil }

// Remove does nothing.
func (d Directory) Remove() error { return nil }

// Upper is "": changes are in the directory itself.
func (d Directory) Upper() string { return "" }
