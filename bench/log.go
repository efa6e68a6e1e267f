// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// log is what a container writes, on its way into the log: 1 GiB in lines of 100
// bytes, with everything in memory. Afterwards it waits, and its monitor should
// have little left of that.
func (b *bench) log(ctx context.Context) error {
	p, err := b.at(ctx)
	if err != nil {
		return err
	}
	const content, line, speed, memory = 1 << 30, 100, 300, 3 << 10 // bytes, bytes, MB/s, kB
	fmt.Println("1 GiB from a container into its log, a file in memory; cpu is the monitor's.")
	lines := filepath.Join(p.run, "lines")
	if err := os.WriteFile(lines, bytes.Repeat([]byte(strings.Repeat("x", line-1)+"\n"), content/line), 0o644); err != nil {
		return err
	}
	defer os.Remove(lines)
	args := func(log string, opts ...string) []string {
		return append(append([]string{"-d", "--network=none", "--log-opt", "path=" + log}, opts...),
			"-v", lines+":/lines:ro", image, "sh", "-c", "cat /lines; echo end; sleep 1000")
	}
	ours := &logged{path: filepath.Join(p.run, "tug.log"), settle: true,
		run:  func(log string) *exec.Cmd { return p.tug(b, "run", args(log, "--log-opt", "max-size=-1")...) },
		verb: func(verb string, args ...string) *exec.Cmd { return p.tug(b, verb, args...) },
	}
	peers := &logged{path: filepath.Join(p.run, "podman.log"),
		run: func(log string) *exec.Cmd {
			return p.podman(append([]string{"run", "--log-driver=k8s-file", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"}, args(log)...)...)
		},
		verb: func(verb string, args ...string) *exec.Cmd { return p.podman(append([]string{verb}, args...)...) },
	}
	tug := &contender{name: "tug", work: ours.work, after: ours.end}
	contenders := []*contender{tug, {name: "podman", against: "tug", work: peers.work, after: peers.end}}
	if err := interleave(b.count(5), contenders); err != nil {
		return err
	}
	table(os.Stdout, contenders)
	got := content / 1e6 / median(tug.wall).Seconds()
	fmt.Printf("%.0f MB/s; the monitor has %d kB resident after %d lines\n", got, ours.resident, content/line)
	if got < speed || ours.resident > memory {
		return fmt.Errorf("goals missed: %d MB/s and %d kB", speed, memory)
	}
	return nil
}

// logged is a container that fills a log and stays.
type logged struct {
	path     string
	run      func(log string) *exec.Cmd
	verb     func(verb string, args ...string) *exec.Cmd
	settle   bool // look at the monitor's memory afterwards
	id       string
	resident int // kB, the largest so far
}

// work gives the processor time of the monitor.
func (l *logged) work() (time.Duration, error) {
	var out strings.Builder
	cmd := l.run(l.path)
	cmd.Stdout = &out
	if _, err := finish(cmd); err != nil {
		return 0, err
	}
	l.id = strings.TrimSpace(out.String())
	if err := awaitEnd(l.path); err != nil {
		return 0, err
	}
	pid, err := l.monitor()
	if err != nil {
		return 0, err
	}
	return processorTime(pid)
}

// monitor is the process that both call conmon's.
func (l *logged) monitor() (string, error) {
	out, err := l.verb("inspect", "-f", "{{.State.ConmonPid}}", l.id).Output()
	return strings.TrimSpace(string(out)), err
}

// end looks at the memory when there was time to give it back, and removes all.
func (l *logged) end() error {
	var err error
	if l.settle {
		time.Sleep(3 * time.Second)
		pid, merr := l.monitor()
		kB, _ := strconv.Atoi(strings.TrimSuffix(field("/proc/"+pid+"/status", "VmRSS"), " kB"))
		l.resident, err = max(l.resident, kB), merr
	}
	_, rerr := finish(l.verb("rm", "-f", "-t", "0", l.id))
	return errors.Join(err, rerr, os.Remove(l.path))
}

// awaitEnd returns when the last line is in the log.
func awaitEnd(path string) error {
	for range 60_000 {
		if f, err := os.Open(path); err == nil {
			tail := make([]byte, 100)
			size, _ := f.Seek(0, 2)
			n, _ := f.ReadAt(tail, max(0, size-int64(len(tail))))
			f.Close()
			if bytes.HasSuffix(tail[:n], []byte(" stdout F end\n")) {
				return nil
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("%s: the last line does not come", path)
}

// processorTime is what a process has used, in ticks of 10 ms.
func processorTime(pid string) (time.Duration, error) {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("process %s: stat is too short", pid)
	}
	user, err := strconv.Atoi(fields[11])
	system, serr := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err, serr)
}
