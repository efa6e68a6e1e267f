// SPDX-License-Identifier: Apache-2.0

package resolver

import (
	"fmt"
	"os"
	"time"

	"github.com/tug-containers/tug/libexec/network/names"
	"golang.org/x/sys/unix"
)

// How often the file is looked at when the kernel says nothing, and when it has no
// watch left for us.
const (
	watched   = 30 * time.Second
	unwatched = time.Second
)

// watch tells when a network's file may have changed.
func watch(network string) <-chan struct{} {
	changes := make(chan struct{}, 1)
	tell := func() {
		select {
		case changes <- struct{}{}:
		default:
		}
	}
	pause := unwatched
	if events, err := watchDir(fmt.Sprintf("/proc/self/fd/%d/%s", names.BookFD, network)); err == nil {
		pause = watched
		go func() {
			buf := make([]byte, 4096)
			for {
				if _, err := events.Read(buf); err != nil {
					return
				}
				tell()
			}
		}()
	}
	go func() {
		for range time.Tick(pause) {
			tell()
		}
	}()
	return changes
}

func watchDir(path string) (*os.File, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, err
	}
	if _, err := unix.InotifyAddWatch(fd, path, unix.IN_MOVED_TO|unix.IN_DELETE|unix.IN_DELETE_SELF|unix.IN_ONLYDIR); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "inotify"), nil
}
