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
	"strings"
	"sync"
	"time"
)

// ps lists 1,000 containers, while nothing else happens and while another
// process removes them.
func (b *bench) ps(ctx context.Context) (err error) {
	p, err := b.at(ctx)
	if err != nil {
		return err
	}
	const ours, podmans, limit = 1000, 200, 100 * time.Millisecond
	fmt.Printf("ps --all with %d created containers; podman with %d.\n", ours, podmans)
	ids, err := many(ours, func() *exec.Cmd { return p.tug(b, "create", image, "true") })
	defer func() {
		if len(ids) > 0 {
			_, rerr := finish(p.tug(b, "rm", ids...))
			err = errors.Join(err, rerr)
		}
	}()
	if err != nil {
		return err
	}
	if _, err := many(podmans, func() *exec.Cmd { return p.podman("create", "--network=none", image, "true") }); err != nil {
		return err
	}
	list := func() *exec.Cmd { return p.tug(b, "ps", "--all") }
	var remover *exec.Cmd
	quiet := &contender{name: "tug", work: work(list)}
	busy := &contender{name: "tug, while rm runs", against: "tug", work: work(list),
		before: func() error {
			const some = 20
			remover = p.tug(b, "rm", ids[:some]...)
			ids = ids[some:]
			return remover.Start()
		},
		after: func() error { return remover.Wait() },
	}
	contenders := []*contender{quiet, busy,
		{name: "podman", against: "tug", work: work(func() *exec.Cmd { return p.podman("ps", "--all") })}}
	if err := interleave(b.count(15), contenders); err != nil {
		return err
	}
	table(os.Stdout, contenders)
	for _, c := range []*contender{quiet, busy} {
		if m := median(c.wall); m > limit {
			return fmt.Errorf("goal missed: %s takes %s, goal %s", c.name, short(m), short(limit))
		}
	}
	_, err = finish(p.podman("rm", "--all", "--force"))
	return err
}

// many runs a command that prints an ID, some at once.
func many(n int, command func() *exec.Cmd) ([]string, error) {
	const atOnce = 4
	ids, errs := make([]string, n), make([]error, atOnce)
	var group sync.WaitGroup
	for w := range atOnce {
		group.Go(func() {
			for i := w; i < n && errs[w] == nil; i += atOnce {
				var out strings.Builder
				cmd := command()
				cmd.Stdout = &out
				_, errs[w] = finish(cmd)
				ids[i] = strings.TrimSpace(out.String())
			}
		})
	}
	group.Wait()
	return ids, errors.Join(errs...)
}

// logs shows 1 GiB that a container has written, in lines of 100 bytes.
func (b *bench) logs(ctx context.Context) (err error) {
	p, err := b.at(ctx)
	if err != nil {
		return err
	}
	const content, line, goal = 1 << 30, 100, 500 // bytes, bytes, MB/s
	fmt.Println("logs of 1 GiB to /dev/null, its file in memory; cat reads the file, which has a head for each line.")
	path := filepath.Join(p.run, "ctr.log")
	id, err := many(1, func() *exec.Cmd {
		return p.tug(b, "create", "--log-opt", "path="+path, "--log-opt", "max-size=0", image, "true")
	})
	if err != nil {
		return err
	}
	defer func() {
		_, rerr := finish(p.tug(b, "rm", id...))
		err = errors.Join(err, rerr, os.Remove(path))
	}()
	records := bytes.Repeat([]byte("2026-01-02T03:04:05.000000000Z stdout F "+strings.Repeat("x", line-1)+"\n"), 1024)
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	for written := 0; written < content && err == nil; written += 1024 * line {
		_, err = f.Write(records)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	ours := &contender{name: "tug logs", against: "cat", work: work(func() *exec.Cmd { return p.tug(b, "logs", id[0]) })}
	contenders := []*contender{{name: "cat", work: work(p.maker("cat", path))}, ours,
		{name: "tug logs --tail 10", work: work(func() *exec.Cmd { return p.tug(b, "logs", "--tail", "10", id[0]) })}}
	if err := interleave(b.count(7), contenders); err != nil {
		return err
	}
	table(os.Stdout, contenders)
	speed := content / 1e6 / median(ours.wall).Seconds()
	fmt.Printf("%.0f MB/s\n", speed)
	if speed < goal {
		return fmt.Errorf("goal missed: %.0f MB/s, goal %d MB/s", speed, goal)
	}
	return nil
}
