// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/ondisk"
)

// Hasten makes the next start of a container on this host quicker by up to some
// 10 ms, in the background, and returns at once. A command calls it as soon as it
// knows that it will start a container or a process in one.
//
// The reason is in the kernel. Moving a process into a cgroup takes
// cgroup_threadgroup_rwsem for writing. That lock is cheap for its readers, every
// fork and exit on the host, and dear for the first writer after a moment of
// quiet, who has to wait for a grace period of RCU: 5 to 16 ms, in which the
// runtime that moves its container does nothing else. For some 20 ms after that
// the next writer finds the way open. So we are the first writer, while we have
// other work to do.
//
// The write that takes the lock changes nothing: this process is asked to be
// where it is. Where the caller may not write to its own cgroup, where there are
// no cgroups, or when the kernel refuses, nothing is done, and the start takes
// the time that it takes. A process that ends before the kernel has answered
// waits for the rest of the grace period.
func Hasten() {
	go hasten("/sys/fs/cgroup", cgroup2())
}

func hasten(root string, unified bool) {
	groups, err := ondisk.ReadHost("/proc/self/cgroup", 1<<16)
	if err != nil {
		return
	}
	for _, s := range stays(string(groups), root, unified) {
		if s.write() {
			return
		}
	}
}

// stay is a write by which this process asks to be in the cgroup that it is in.
type stay struct{ file, data string }

// stays are the writes to try, best first, by the content of /proc/self/cgroup:
// lines of NUMBER:CONTROLLERS:PATH, of which cgroup v2 has number 0 and no
// controllers. The cgroups are mounted at root; unified says that they are v2
// and no other.
//
// If somebody moves this process between our look and our write, the write must
// not undo it. With v2 it does not: the process's first thread is written to
// cgroup.threads, and a thread cannot go alone to where other processes are, so
// the kernel takes the lock and then refuses. v1 has no such check, and is the
// second choice; the hierarchies in which managers move processes about, those
// with a name, are none.
func stays(groups, root string, unified bool) []stay {
	var v1, v2 []stay
	for line := range strings.Lines(groups) {
		number, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, path, ok := strings.Cut(rest, ":")
		switch {
		case !ok || !filepath.IsAbs(path) || filepath.Clean(path) != path:
			// Outside of our view of the cgroups, or no line of this kind.
		case number == "0" && controllers == "":
			if !unified {
				path = filepath.Join("/unified", path)
			}
			// A "0" would be the thread that writes, which needs no lock to move itself.
			v2 = append(v2, stay{filepath.Join(root, path, "cgroup.threads"), strconv.Itoa(os.Getpid())})
		case controllers != "" && !strings.Contains(controllers, "=") && len(v1) == 0:
			v1 = append(v1, stay{filepath.Join(root, controllers, path, "cgroup.procs"), "0"})
		}
	}
	return append(v2, v1...)
}

// write reports whether the kernel was asked, whatever it said.
func (s stay) write() bool {
	fd, err := unix.Open(s.file, unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	_, _ = unix.Write(fd, []byte(s.data))
	return true
}
