// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/tug-containers/tug/libexec/monitor"
)

// TestH35Output is a command that writes 4 GiB without an end of line: they come
// out as they come, and nobody keeps them.
func TestH35Output(t *testing.T) {
	t.Parallel()
	p := settle(t)
	p.each(t, "zeros", nil, func(t *testing.T, runtime, image string) {
		const size = 4 << 30
		d := p.detach(t, "--runtime="+runtime, image, "sleep", "4711")
		defer d.remove(t)
		cmd := exec.Command(filepath.Join(bin, "tug-exec"), d.id, "dd", "if=/dev/zero", "bs=1M", "count="+strconv.Itoa(size>>20))
		cmd.Env = append(p.home.Environ(), "TMPDIR="+p.tmp)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		read, most := int64(0), int64(0)
		for buf := make([]byte, 1<<20); err == nil; {
			var n int
			if n, err = io.ReadFull(out, buf); read>>28 != (read+int64(n))>>28 {
				most = max(most, memoryOf(cmd.Process.Pid))
			}
			read += int64(n)
		}
		must(t, cmd.Wait())
		if read != size {
			t.Errorf("%d bytes came out", read)
		}
		if held := resident(t, d.live(t).Monitor); most > 64<<20 || held > 8<<20 {
			t.Errorf("tug-exec or the runtime had %d bytes, the monitor has %d", most, held)
		}
		t.Logf("tug-exec and the runtime had at most %d KiB", most>>10)
	})
	p.try(t, "on a terminal", func(t *testing.T) {
		const size = 64 << 20
		d := p.detach(t, "-t", p.good, "sh", "-c", "until [ -e /go ]; do sleep 0.1; done; head -c "+strconv.Itoa(size)+" /dev/zero; exec sleep 4711")
		defer d.remove(t)
		conn, _, err := monitor.Attach(context.Background(), d.run, monitor.Hello{Output: true})
		must(t, err)
		defer conn.Close()
		p.run(t, "tug-exec", d.id, "touch", "/go").works(t)
		for read := 0; read < size; {
			_, content, err := conn.Read()
			must(t, err)
			read += len(content)
		}
		if held := resident(t, d.live(t).Monitor); held > 8<<20 {
			t.Errorf("the monitor has %d bytes", held)
		}
	})
}

// TestH36Attach are clients that come and go: nothing of them stays with the
// monitor.
func TestH36Attach(t *testing.T) {
	t.Parallel()
	p := settle(t)
	p.try(t, "often", func(t *testing.T) {
		d := p.detach(t, "-t", "-i", p.good, "sleep", "4711")
		defer d.remove(t)
		pid := d.live(t).Monitor
		before := descriptors(pid, "")
		for range 10 {
			r := p.call(t, call{args: []string{"tug-attach", d.id}, stdin: "\x10\x11"}) // the keys to detach
			if r.code != 0 {
				t.Fatalf("%s: %d %q", r, r.code, r.stderr)
			}
		}
		for i := range 10000 {
			conn, _, err := monitor.Attach(context.Background(), d.run, monitor.Hello{Input: i%2 == 0, Output: i%3 == 0})
			must(t, err)
			if i%5 == 0 {
				must(t, conn.WriteJSON(monitor.FrameResize, monitor.Size{Width: uint16(i), Height: 24}))
			}
			must(t, conn.Close())
		}
		eventually(t, "the monitor lets go", func() bool { return descriptors(pid, "") <= before })
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		must(t, err)
		if size := resident(t, pid); size > 8<<20 || len(threads) > 16 {
			t.Errorf("the monitor has %d bytes and %d threads", size, len(threads))
		}
	})
}

// TestH54Shm is a container that fills its /dev/shm and is killed: what it had is
// counted as its memory, and free afterwards.
func TestH54Shm(t *testing.T) {
	t.Parallel()
	p := settle(t)
	p.each(t, "filled", nil, func(t *testing.T, runtime, image string) {
		const size = 48 << 20
		d := p.detach(t, "--runtime="+runtime, "--shm-size=64m", image, "sh", "-c", "head -c "+strconv.Itoa(size)+" /dev/zero >/dev/shm/fill; touch /full; exec sleep 4711")
		defer d.remove(t)
		eventually(t, "the filling", func() bool { return p.run(t, "tug-exec", d.id, "test", "-e", "/full").code == 0 })
		pid := d.live(t).Pid
		device := shmDevice(t, pid)
		if device == "" || !mounted(t, device) {
			t.Fatalf("/dev/shm is device %q, and nobody has it", device)
		}
		switch counted, group := charged(t, pid); {
		case group == "":
			t.Log("no memory cgroup: nothing counts it")
		case counted < size:
			t.Errorf("%s counts %d bytes", group, counted)
		}
		must(t, syscall.Kill(pid, syscall.SIGKILL))
		eventually(t, "its memory is free", func() bool { return !mounted(t, device) })
	})
}

// shmDevice is the device number of a process's /dev/shm, which nothing else has
// as long as that exists.
func shmDevice(t *testing.T, pid int) string {
	t.Helper()
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", pid))
	must(t, err)
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) > 4 && fields[4] == "/dev/shm" {
			return fields[2]
		}
	}
	return ""
}

// mounted tells whether any process has a device mounted: then what is in it is
// there.
func mounted(t *testing.T, device string) bool {
	t.Helper()
	tables, err := filepath.Glob("/proc/[0-9]*/mountinfo")
	must(t, err)
	for _, name := range tables {
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		found := false
		for lines := bufio.NewScanner(f); lines.Scan() && !found; {
			fields := strings.Fields(lines.Text())
			found = len(fields) > 4 && fields[2] == device && strings.HasPrefix(fields[4], "/dev/shm")
		}
		f.Close()
		if found {
			return true
		}
	}
	return false
}

// charged gives what the memory cgroup of a process counts as shared memory.
func charged(t *testing.T, pid int) (bytes int64, group string) {
	t.Helper()
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	must(t, err)
	for line := range strings.Lines(string(table)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		root := "/sys/fs/cgroup"
		if fields[1] == "memory" {
			root += "/memory"
		} else if fields[1] != "" {
			continue
		}
		stat, err := os.ReadFile(filepath.Join(root, fields[2], "memory.stat"))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(stat)) {
			if name, value, _ := strings.Cut(strings.TrimSpace(line), " "); name == "shmem" {
				bytes, err = strconv.ParseInt(value, 10, 64)
				must(t, err)
				return bytes, filepath.Join(root, fields[2])
			}
		}
	}
	return 0, ""
}
