// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tug-containers/tug/libexec/monitor"
	"golang.org/x/sys/unix"
)

func always() bool { return true }

// contents gives the lines of a log without their times.
func contents(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (std(?:out|err) [FP] (?s:.*))\n$`)
	var list []string
	for l := range strings.Lines(string(data)) {
		m := line.FindStringSubmatch(l)
		if m == nil {
			t.Fatalf("not a line of a log: %q", l)
		}
		list = append(list, m[1])
	}
	return list
}

func TestLogLines(t *testing.T) {
	long := strings.Repeat("x", lineLimit)
	for _, c := range []struct {
		name   string
		writes []string // the first letter is the stream
		want   []string
	}{
		{"lines", []string{"Oone\ntwo\n"}, []string{"stdout F one", "stdout F two"}},
		{"streams", []string{"Oout\n", "eerr\n"}, []string{"stdout F out", "stderr F err"}},
		{"empty", []string{"O\n\n"}, []string{"stdout F ", "stdout F "}},
		{"continued", []string{"Oone", "O more\n"}, []string{"stdout P one", "stdout F  more"}},
		{"no end", []string{"Oprompt> "}, []string{"stdout P prompt> ", "stdout F "}},
		{"between", []string{"Oa", "eb\n", "Oc\n"}, []string{"stdout P a", "stderr F b", "stdout F c"}},
		{"long", []string{"O" + long + "y\n"}, []string{"stdout P " + long, "stdout F y"}},
		{"bytes", []string{"O\x00\xff\r\n"}, []string{"stdout F \x00\xff\r"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			l, err := openFile(monitor.Log{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range c.writes {
				l.write(w[0], []byte(w[1:]), always)
			}
			l.finish(monitor.FrameOutput)
			l.finish(monitor.FrameError)
			l.close()
			if got := contents(t, path); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
				t.Errorf("%.300q\nwant %.300q", got, c.want)
			}
		})
	}
}

// TestLogRotation: no file is too large, none is too many, and what is left is
// the end without a hole.
func TestLogRotation(t *testing.T) {
	for _, files := range []int{1, 2, 4} {
		path := filepath.Join(t.TempDir(), "log")
		l, err := openFile(monitor.Log{Path: path, MaxSize: 1000, MaxFiles: files})
		if err != nil {
			t.Fatal(err)
		}
		const lines = 500
		for i := range lines {
			l.write(monitor.FrameOutput, fmt.Appendf(nil, "%d\n", i), always)
		}
		l.close()
		var all []string
		for i := files; i >= 0; i-- {
			name := path
			if i > 0 {
				name = fmt.Sprintf("%s.%d", path, i)
			}
			info, err := os.Stat(name)
			if (err == nil) != (i < files) {
				t.Fatalf("%d files: %s: %v", files, name, err)
			}
			if err != nil {
				continue
			}
			if info.Size() > 1000 {
				t.Errorf("%s has %d bytes", name, info.Size())
			}
			all = append(all, contents(t, name)...)
		}
		for i, line := range all {
			if want := fmt.Sprintf("stdout F %d", lines-len(all)+i); line != want {
				t.Fatalf("%d files: line %d is %q, want %q", files, i, line, want)
			}
		}
	}
}

// TestLogDiskFull: a full disk is waited for while the container runs, and
// nothing is lost; when it has ended it is not.
func TestLogDiskFull(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }()
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 32<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "log")
	l, err := openFile(monitor.Log{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	running := func() bool {
		if asked.Add(1) == 2 {
			if err := os.Remove(ballast); err != nil {
				t.Error(err)
			}
		}
		return true
	}
	text := bytes.Repeat([]byte(strings.Repeat("z", 99)+"\n"), 300)
	l.write(monitor.FrameOutput, text, running)
	if asked.Load() < 2 {
		t.Error("the disk was never full")
	}
	if got := contents(t, path); len(got) != 300 {
		t.Errorf("%d lines, want 300", len(got))
	}
	ended := make(chan bool)
	go func() {
		l.write(monitor.FrameOutput, bytes.Repeat(text, 4), func() bool { return false })
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("a log waits for room after the container has ended")
	}
	l.close()
}

// TestLogNotFollowed: a link in the place of the log leads nowhere.
func TestLogNotFollowed(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "log")); err != nil {
		t.Fatal(err)
	}
	if _, err := openFile(monitor.Log{Path: filepath.Join(dir, "log")}); err == nil {
		t.Error("a link is followed")
	}
	if _, err := os.Lstat(filepath.Join(dir, "elsewhere")); err == nil {
		t.Error("a file was made")
	}
}

// TestJournal reads what the journal would.
func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	id := strings.Repeat("ab", 32)
	j, err := openJournal(&monitor.Config{ID: id, Name: "web", Image: "img", Log: monitor.Log{Tag: "mine"}}, path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	j.write(monitor.FrameError, []byte("one\ntw"), always)
	j.write(monitor.FrameError, []byte("o\nthree"), always)
	j.finish(monitor.FrameError)
	for _, want := range []string{"one", "two", "three"} {
		buf := make([]byte, 64<<10)
		n, err := unix.Read(fd, buf)
		if err != nil {
			t.Fatal(err)
		}
		entry := string(buf[:n])
		for _, field := range [][2]string{
			{"MESSAGE", want}, {"CONTAINER_ID_FULL", id}, {"CONTAINER_ID", id[:12]}, {"CONTAINER_NAME", "web"},
			{"IMAGE_NAME", "img"}, {"SYSLOG_IDENTIFIER", "mine"},
		} {
			if !strings.Contains(entry, string(appendField(nil, field[0], []byte(field[1])))) {
				t.Errorf("%s=%s is not in %q", field[0], field[1], entry)
			}
		}
		if !strings.Contains(entry, "PRIORITY=3\n") {
			t.Errorf("%q: not an error", entry)
		}
	}
}
