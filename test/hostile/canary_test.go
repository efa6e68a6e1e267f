// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// canary is a tree of the host that no case may touch. Hostile images point to
// it. The kernel tells who opens, reads or changes anything in it; a FIFO in it
// has a watcher, since an open of it for reading is reported only when it
// succeeds.
type canary struct {
	dir     string
	notify  *os.File
	names   map[int32]string
	before  string
	stop    chan struct{}
	readers chan string
}

const secret = "canary-secret-3fd1"

func newCanary(t testing.TB, dir string) *canary {
	t.Helper()
	c := &canary{dir: dir, names: map[int32]string{}, stop: make(chan struct{}), readers: make(chan string, 1)}
	must(t, os.MkdirAll(filepath.Join(dir, "sub"), 0o755))
	must(t, os.Mkdir(filepath.Join(dir, "empty"), 0o700))
	for _, name := range []string{"file", "sub/file", "passwd", "group", "hosts", "resolv.conf", "hostname"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(secret+":x:0:0::/:/bin/sh\n"), 0o644))
	}
	must(t, unix.Mkfifo(filepath.Join(dir, "fifo"), 0o644))
	must(t, os.Symlink("file", filepath.Join(dir, "link")))
	c.before = c.state(t)
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	must(t, err)
	c.notify = os.NewFile(uintptr(fd), "inotify")
	must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type() == fs.ModeSymlink {
			return err
		}
		const events = unix.IN_OPEN | unix.IN_ACCESS | unix.IN_MODIFY | unix.IN_ATTRIB | unix.IN_CREATE |
			unix.IN_DELETE | unix.IN_MOVE | unix.IN_DELETE_SELF
		wd, err := unix.InotifyAddWatch(fd, path, events|unix.IN_DONT_FOLLOW)
		c.names[int32(wd)] = path
		return err
	}))
	c.drain() // our own walk
	go c.watch()
	return c
}

// watch looks whether somebody waits to read the FIFO.
func (c *canary) watch() {
	for {
		select {
		case <-c.stop:
			close(c.readers)
			return
		case <-time.After(20 * time.Millisecond):
			fd, err := unix.Open(filepath.Join(c.dir, "fifo"), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
			if err == nil {
				unix.Close(fd)
				select {
				case c.readers <- "somebody waited to read the FIFO":
				default:
				}
			}
		}
	}
}

// check is U1; the canary is of no more use after it.
func (c *canary) check(t testing.TB) {
	t.Helper()
	events := c.drain()
	close(c.stop)
	for reader := range c.readers {
		t.Errorf("U1: %s", reader)
	}
	c.notify.Close()
	for _, event := range events {
		t.Errorf("U1: %s", event)
	}
	if after := c.state(t); after != c.before {
		t.Errorf("U1: the canary changed:\n%s\nwas\n%s", after, c.before)
	}
}

// drain gives what happened to the tree, each once.
func (c *canary) drain() []string {
	var list []string
	seen := map[string]bool{}
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(int(c.notify.Fd()), buf)
		if err != nil || n <= 0 {
			return list
		}
		for rest := buf[:n]; len(rest) >= unix.SizeofInotifyEvent; {
			wd, mask := int32(binary.NativeEndian.Uint32(rest)), binary.NativeEndian.Uint32(rest[4:])
			size := int(binary.NativeEndian.Uint32(rest[12:]))
			name := string(bytes.TrimRight(rest[unix.SizeofInotifyEvent:unix.SizeofInotifyEvent+size], "\x00"))
			rest = rest[unix.SizeofInotifyEvent+size:]
			if mask&unix.IN_IGNORED != 0 || name == "fifo" || filepath.Base(c.names[wd]) == "fifo" {
				continue // the watcher itself
			}
			event := fmt.Sprintf("%s: %s", filepath.Join(c.names[wd], name), eventName(mask))
			if !seen[event] {
				seen[event] = true
				list = append(list, event)
			}
		}
	}
}

func eventName(mask uint32) string {
	var names []string
	for _, e := range []struct {
		bit  uint32
		name string
	}{
		{unix.IN_OPEN, "opened"}, {unix.IN_ACCESS, "read"}, {unix.IN_MODIFY, "written"}, {unix.IN_ATTRIB, "owner, mode or time changed"},
		{unix.IN_CREATE, "created"}, {unix.IN_DELETE | unix.IN_DELETE_SELF, "deleted"}, {unix.IN_MOVE, "moved"},
	} {
		if mask&e.bit != 0 {
			names = append(names, e.name)
		}
	}
	return strings.Join(names, ", ")
}

// state is every name with all that it can be told by but the time of access.
func (c *canary) state(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	must(t, filepath.WalkDir(c.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		sum := ""
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum = fmt.Sprintf("%x", sha256.Sum256(content))
		}
		fmt.Fprintln(&b, path, info.Mode(), stat.Uid, stat.Gid, stat.Nlink, info.ModTime().UnixNano(), sum)
		return nil
	}))
	return b.String()
}
