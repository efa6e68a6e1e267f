// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/tug-containers/tug/internal/errclass"
)

// OnlyLooks marks a command that changes nothing: when somebody has a lock that it
// waits for, and is stopped, it fails. Others wait until that one goes on.
func OnlyLooks(cmd *cobra.Command) {
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	cmd.Annotations[looksAnnotation] = "yes"
}

const looksAnnotation = "looks"

// How often it is looked whether we wait for a lock.
const (
	firstLook = 2 * time.Second
	nextLook  = time.Second
)

// watchLocks says for whom we wait, in the storage library, which waits in the kernel
// and cannot be called back. A command that only looks has nothing to undo, and is
// ended here.
func watchLocks(cmd *cobra.Command, stderr io.Writer, format string) {
	said, stopped := blocker{}, 0
	for pause := firstLook; ; pause = nextLook {
		time.Sleep(pause)
		b, ok := blockedBy()
		if !ok {
			said, stopped = blocker{}, 0
			continue
		}
		if b != said {
			logrus.Warnf("waiting for %s, which process %d (%s) has", b.file, b.pid, b.name)
			said, stopped = b, 0
		}
		if !b.isStopped() {
			stopped = 0
		} else if stopped++; stopped == 2 && cmd.Annotations[looksAnnotation] != "" {
			err := errclass.New(errclass.Conflict, b.file, fmt.Errorf(
				"%s: process %d (%s) has this lock, and is stopped: have it go on, or kill it", b.file, b.pid, b.name))
			report(stderr, format, err)
			os.Exit(ExitCode(Style(cmd.Annotations[styleAnnotation]), err))
		}
	}
}

// blocker is who has a lock that we wait for.
type blocker struct {
	file string
	pid  int
	name string
}

// blockedBy finds it.
func blockedBy() (blocker, bool) {
	table, err := os.ReadFile("/proc/locks")
	if err != nil {
		return blocker{}, false
	}
	pid, inode, ok := blocking(table, os.Getpid())
	if !ok {
		return blocker{}, false
	}
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return blocker{openFile(inode), pid, Printable(string(bytes.TrimSpace(name)))}, true
}

// blocking finds in the kernel's table who has the lock that a process waits for. Who
// waits stands there with an arrow, after who has it, under the same number.
func blocking(table []byte, self int) (pid int, inode uint64, ok bool) {
	holder := map[string][]string{}
	for line := range strings.Lines(string(table)) {
		// 1: POSIX  ADVISORY  WRITE 123 fe:00:4567 0 EOF
		fields := strings.Fields(line)
		if len(fields) < 6 {
			continue
		}
		if fields[1] != "->" {
			holder[fields[0]] = fields
			continue
		}
		has := holder[fields[0]]
		if has == nil || fields[5] != strconv.Itoa(self) {
			continue
		}
		parts := strings.Split(has[5], ":")
		pid, perr := strconv.Atoi(has[4])
		inode, ierr := strconv.ParseUint(parts[len(parts)-1], 10, 64)
		if perr == nil && ierr == nil && pid > 0 {
			return pid, inode, true
		}
	}
	return 0, 0, false
}

// openFile is the name of a lock file that we have open.
func openFile(inode uint64) string {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		link := filepath.Join("/proc/self/fd", e.Name())
		info, err := os.Stat(link)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Ino != inode {
			continue
		}
		if name, err := os.Readlink(link); err == nil && strings.HasSuffix(name, ".lock") {
			return name
		}
	}
	return "a lock"
}

// isStopped tells whether the process stands still since somebody wants it to.
func (b blocker) isStopped() bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", b.pid))
	if err != nil {
		return false
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	return len(fields) > 0 && string(fields[0]) == "T"
}
