// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tug-containers/tug/internal/life"
	"golang.org/x/sys/unix"
)

// detached is a container that runs by itself.
type detached struct {
	p       *place
	id, dir string
	run     string // its run directory
}

// detach starts one, with flags, an image and a command.
func (p *place) detach(t *testing.T, args ...string) *detached {
	t.Helper()
	id := strings.TrimSpace(p.run(t, append([]string{"tug-run", "-d"}, args...)...).works(t))
	if len(id) != 64 {
		t.Fatalf("run -d printed %q", id)
	}
	return &detached{p: p, id: id, dir: filepath.Join(p.home.Root, "tug/containers", id), run: filepath.Join(p.home.RunRoot, "tug", id)}
}

func (d *detached) live(t *testing.T) life.Live {
	t.Helper()
	l, err := life.ReadLive(d.dir)
	must(t, err)
	return l
}

// remove ends it, in bounded time.
func (d *detached) remove(t *testing.T) {
	t.Helper()
	d.p.call(t, call{args: []string{"tug-rm", "-f", "-t", "0", d.id}, time: time.Minute}).works(t)
}

// status is what ps says of it.
func (d *detached) status(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(d.p.run(t, "tug-ps", "-a", "--filter", "id="+d.id, "--format", "{{.Status}}").works(t))
}

// logged is what it has written so far.
func (d *detached) logged(t *testing.T) string {
	t.Helper()
	// Its bytes are the container's: what commands of ours print is checked, this is
	// not.
	cmd := exec.Command(filepath.Join(bin, "tug-logs"), d.id)
	cmd.Env = append(d.p.home.Environ(), "TMPDIR="+d.p.tmp)
	out, err := cmd.Output()
	must(t, err)
	return string(out)
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not in two minutes: ", what)
		}
	}
}

// resident is the resident memory of a process in bytes.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	must(t, err)
	pages, err := strconv.ParseInt(strings.Fields(string(data))[1], 10, 64)
	must(t, err)
	return pages * int64(os.Getpagesize())
}

// TestF17Monitor is a monitor that is killed, or stopped: the container lives on,
// everything works, and nobody says 0 for a code that nobody saw.
func TestF17Monitor(t *testing.T) {
	t.Parallel()
	p := settle(t)
	p.each(t, "killed", nil, func(t *testing.T, runtime, image string) {
		d := p.detach(t, "--runtime="+runtime, image, "sh", "-c", "echo up; exec sleep 4711")
		eventually(t, "its output", func() bool { return d.logged(t) == "up\n" })
		l := d.live(t)
		must(t, syscall.Kill(l.Monitor, syscall.SIGKILL))
		eventually(t, "the end of the monitor", func() bool { return !life.Monitored(d.dir) })
		if s := d.status(t); !strings.HasPrefix(s, "Up") {
			t.Errorf("status %q", s)
		}
		p.run(t, "tug-exec", d.id, "true").works(t)
		must(t, syscall.Kill(l.Pid, syscall.SIGKILL)) // and nobody is there to see it
		eventually(t, "the end of the container", func() bool { return !strings.HasPrefix(d.status(t), "Up") })
		if s := d.status(t); strings.Contains(s, "(0)") {
			t.Errorf("status %q", s)
		}
		if out := d.logged(t); out != "up\n" {
			t.Errorf("log %q", out)
		}
		p.run(t, "tug-start", d.id).works(t)
		d.remove(t)
	})
	p.try(t, "stopped", func(t *testing.T) {
		d := p.detach(t, p.good, "sleep", "4711")
		must(t, syscall.Kill(d.live(t).Monitor, syscall.SIGSTOP))
		if s := d.status(t); !strings.HasPrefix(s, "Up") {
			t.Errorf("status %q", s)
		}
		d.remove(t)
	})
}

// TestF16Detached is a runtime that breaks when a detached container needs it.
func TestF16Detached(t *testing.T) {
	t.Parallel()
	p := settle(t)
	dir := t.TempDir()
	real, err := exec.LookPath(runtimes[0])
	must(t, err)
	marker := filepath.Join(dir, "broken")
	for name, body := range map[string]string{
		"crash at create": `case "$*" in *" create "*) kill -SEGV $$;; esac`,
		"create lies":     `case "$*" in *" create "*) exit 0;; esac`,
		"crash at start":  `case "$*" in *" start "*) kill -KILL $$;; esac`,
		"fails at start":  `case "$*" in *" start "*) echo "the moon is full" >&2; exit 1;; esac`,
		"start lies":      `case "$*" in *" start "*) exit 1;; esac`,
	} {
		p.try(t, name, func(t *testing.T) {
			file := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
			write(t, file, "#!/bin/sh\nif [ -e "+marker+" ]; then "+body+"; fi\nexec "+real+" \"$@\"\n")
			must(t, os.Chmod(file, 0o755))
			p.start(t, file, p.good, "true").works(t)
			write(t, marker, "")
			defer os.Remove(marker)
			r := p.run(t, "tug-run", "-d", "--runtime="+file, p.good, "sleep", "4711")
			if r.code != 125 || !strings.Contains(r.stderr, file) || r.stdout != "" {
				t.Errorf("%s: %d, %q, %q", r, r.code, r.stdout, r.stderr)
			}
			mustRemoveState(t, p, file)
		})
	}
}

// TestF18Reader is one who attached and does not read: the container is not
// stopped by it, and the monitor keeps nothing for it.
func TestF18Reader(t *testing.T) {
	t.Parallel()
	p := settle(t)
	p.try(t, "stopped", func(t *testing.T) {
		d := p.detach(t, p.good, "sh", "-c", "until [ -e /go ]; do sleep 0.1; done; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo over; exec sleep 4711")
		l := d.live(t)
		slow, peer, err := os.Pipe()
		must(t, err)
		defer slow.Close()
		cmd := exec.Command(filepath.Join(bin, "tug-attach"), "--no-stdin", d.id)
		cmd.Env, cmd.Stdout = append(p.home.Environ(), "TMPDIR="+p.tmp), peer // which nobody reads
		must(t, cmd.Start())
		peer.Close()
		eventually(t, "the attaching", func() bool { return descriptors(l.Monitor, "socket:") >= 2 })
		p.run(t, "tug-exec", d.id, "touch", "/go").works(t)
		eventually(t, "the end of the output", func() bool {
			out, err := exec.Command("grep", "-c", " stdout F over$", filepath.Join(d.dir, "ctr.log")).Output()
			return err == nil && strings.TrimSpace(string(out)) == "1"
		})
		if size := resident(t, l.Monitor); size > 8<<20 {
			t.Errorf("the monitor has %d bytes", size)
		}
		must(t, cmd.Process.Kill())
		_ = cmd.Wait()
		d.remove(t)
	})
}

// descriptors counts those of a process that lead to something.
func descriptors(pid int, to string) int {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, _ := os.ReadDir(dir)
	n := 0
	for _, entry := range entries {
		if target, err := os.Readlink(filepath.Join(dir, entry.Name())); err == nil && strings.HasPrefix(target, to) {
			n++
		}
	}
	return n
}

// TestF19Reboot is a host that was restarted: no process, no run directory,
// another boot.
func TestF19Reboot(t *testing.T) {
	t.Parallel()
	p := settle(t)
	p.each(t, "reboot", nil, func(t *testing.T, runtime, image string) {
		d := p.detach(t, "--runtime="+runtime, "--restart=always", image, "sh", "-c", "echo boot >>/boots; cat /boots; exec sleep 4711")
		eventually(t, "its output", func() bool { return d.logged(t) == "boot\n" })
		l := d.live(t)
		must(t, syscall.Kill(l.Monitor, syscall.SIGKILL))
		must(t, syscall.Kill(l.Pid, syscall.SIGKILL))
		eventually(t, "the end", func() bool { return unix.Kill(l.Pid, 0) != nil })
		must(t, exec.Command(runtime, "--root", filepath.Join(p.home.RunRoot, "tug/runtime", runtime), "delete", "-f", d.id).Run())
		must(t, unix.Unmount(filepath.Join(d.run, "merged"), unix.MNT_DETACH))
		must(t, os.RemoveAll(d.run))
		for _, name := range []string{"record.json", "live.json"} {
			file := filepath.Join(d.dir, name)
			data, err := os.ReadFile(file)
			must(t, err)
			must(t, os.WriteFile(file, bytes.ReplaceAll(data, []byte(l.BootID), []byte("00000000-0000-4000-8000-000000000000")), 0o600))
		}
		if s := d.status(t); strings.HasPrefix(s, "Up") || strings.Contains(s, "(0)") {
			t.Errorf("status %q", s)
		}
		var seen []struct {
			State struct {
				Running  bool
				ExitCode *int
			}
		}
		must(t, json.Unmarshal([]byte(p.run(t, "tug-inspect", d.id).works(t)), &seen))
		if len(seen) != 1 || seen[0].State.Running || seen[0].State.ExitCode != nil && *seen[0].State.ExitCode == 0 {
			t.Errorf("inspect: %+v", seen)
		}
		p.run(t, "tug-start", d.id).works(t)
		eventually(t, "another start", func() bool { return d.logged(t) == "boot\nboot\nboot\n" })
		d.remove(t)
	})
}

// TestF20RunDirectory is a run directory that is wiped while the container runs.
func TestF20RunDirectory(t *testing.T) {
	t.Parallel()
	p := settle(t)
	p.each(t, "wiped", nil, func(t *testing.T, runtime, image string) {
		d := p.detach(t, "--runtime="+runtime, image, "sleep", "4711")
		must(t, unix.Unmount(filepath.Join(d.run, "merged"), unix.MNT_DETACH))
		must(t, os.RemoveAll(d.run))
		if s := d.status(t); !strings.HasPrefix(s, "Up") {
			t.Errorf("status %q", s)
		}
		pid := d.live(t).Pid
		p.run(t, "tug-start", d.id)
		if now := d.live(t).Pid; now != pid {
			t.Errorf("started twice: process %d, then %d", pid, now)
		}
		p.call(t, call{args: []string{"tug-stop", "-t", "0", d.id}, time: time.Minute}).works(t)
		if s := d.status(t); strings.HasPrefix(s, "Up") {
			t.Errorf("status %q", s)
		}
		p.run(t, "tug-start", d.id).works(t)
		d.remove(t)
	})
}

// TestH18Sockets: a monitor listens in a directory that others cannot enter, and
// never on an abstract socket.
func TestH18Sockets(t *testing.T) {
	t.Parallel()
	p := settle(t)
	p.each(t, "sockets", nil, func(t *testing.T, runtime, image string) {
		d := p.detach(t, "--runtime="+runtime, image, "sleep", "4711")
		info, err := os.Stat(d.run)
		must(t, err)
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %v", d.run, info.Mode())
		}
		if _, err := os.Stat(filepath.Join(d.run, "attach")); err != nil {
			t.Error(err)
		}
		sockets := map[string]bool{}
		pid := d.live(t).Monitor
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		must(t, err)
		for _, entry := range entries {
			target, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, entry.Name()))
			if inode, ok := strings.CutPrefix(target, "socket:["); ok {
				sockets[strings.TrimSuffix(inode, "]")] = true
			}
		}
		list, err := os.ReadFile("/proc/net/unix")
		must(t, err)
		found := false
		for line := range strings.Lines(string(list)) {
			fields := strings.Fields(line)
			if len(fields) < 7 || !sockets[fields[6]] {
				continue
			}
			found = true
			if len(fields) > 7 && strings.HasPrefix(fields[7], "@") {
				t.Errorf("an abstract socket: %s", line)
			}
		}
		if !found {
			t.Error("the monitor has no socket")
		}
		d.remove(t)
	})
}

// TestN13Log is output that looks like a log, and too much of it.
func TestN13Log(t *testing.T) {
	t.Parallel()
	p := settle(t)
	p.each(t, "forged", nil, func(t *testing.T, runtime, image string) {
		const text = "2026-01-01T00:00:00.000000000Z stdout F forged\nstdout P x\n\x1b[31mred\r\nnul\x00 \xff\xfe\n F \n P \n\n  \nno end"
		r := p.call(t, call{args: []string{"tug-run", "--runtime=" + runtime, "-i", "--name=forged", image, "cat"}, stdin: text})
		if r.code != 0 || r.stdout != text {
			t.Errorf("%s: %d, %q", r, r.code, r.stdout)
		}
		d := &detached{p: p, id: "forged"}
		if got := strings.TrimSuffix(d.logged(t), "\n"); got != text {
			t.Errorf("the log is %q, want %q", got, text)
		}
		d.remove(t)
	})
	p.try(t, "flood", func(t *testing.T) {
		d := p.detach(t, "--log-opt=max-size=1m", "--log-opt=max-file=2", p.good, "sh", "-c", "head -c 100000000 /dev/zero; yes | head -c 20000000; echo; echo over; exec sleep 4711")
		eventually(t, "the end of the flood", func() bool {
			tail, err := exec.Command("tail", "-c", "100", filepath.Join(d.dir, "ctr.log")).Output()
			return err == nil && strings.HasSuffix(string(tail), " stdout F over\n")
		})
		for _, name := range []string{"ctr.log", "ctr.log.1"} {
			info, err := os.Stat(filepath.Join(d.dir, name))
			must(t, err)
			if info.Size() > 1<<20 {
				t.Errorf("%s has %d bytes", name, info.Size())
			}
		}
		if _, err := os.Stat(filepath.Join(d.dir, "ctr.log.2")); err == nil {
			t.Error("a third file")
		}
		if size := resident(t, d.live(t).Monitor); size > 8<<20 {
			t.Errorf("the monitor has %d bytes", size)
		}
		d.remove(t)
	})
}
