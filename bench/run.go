// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// bare gives commands of a runtime alone, each with a name of its own.
func (p *place) bare(runtime, bundle string, n *atomic.Int64) func() *exec.Cmd {
	return func() *exec.Cmd {
		id := fmt.Sprintf("%s-%d-%d", filepath.Base(bundle), os.Getpid(), n.Add(1))
		return p.command(runtime, "--root", p.of("state-"+runtime), "run", "--bundle", bundle, id)
	}
}

// runners are the ways to run a command in a container of the image.
func (b *bench) runners(ctx context.Context, flags []string, command ...string) (map[string]func() *exec.Cmd, error) {
	p, err := b.at(ctx)
	if err != nil {
		return nil, err
	}
	bundle, err := p.bundle(b, command...)
	if err != nil {
		return nil, err
	}
	args := append(append([]string{"--rm", "--network=none"}, flags...), append([]string{image}, command...)...)
	var n atomic.Int64
	out := map[string]func() *exec.Cmd{
		"podman": func() *exec.Cmd {
			return p.podman(append([]string{"run", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"}, args...)...)
		},
	}
	for _, runtime := range []string{"crun", "runc"} {
		out[runtime] = p.bare(runtime, bundle, &n)
		out["tug on "+runtime] = func() *exec.Cmd {
			return p.tug(b, "run", append([]string{"--runtime", runtime}, args...)...)
		}
	}
	return out, nil
}

// addFiltered adds bare crun with the filter that tug hands it.
func (b *bench) addFiltered(runners map[string]func() *exec.Cmd, command ...string) error {
	bundle, err := b.place.filtered(b, command...)
	if err != nil {
		return err
	}
	var n atomic.Int64
	runners["crun, our filter"] = b.place.bare("crun", bundle, &n)
	return nil
}

func work(make func() *exec.Cmd) func() (time.Duration, error) {
	return func() (time.Duration, error) { return finish(make()) }
}

func missed(over []string) error {
	if len(over) > 0 {
		return errors.New("goals missed: " + strings.Join(over, "; "))
	}
	return nil
}

func (b *bench) run(ctx context.Context) error {
	runners, err := b.runners(ctx, nil, "true")
	if err != nil {
		return err
	}
	if err := b.addFiltered(runners, "true"); err != nil {
		return err
	}
	fmt.Println("run --rm IMAGE true: attached, no network, default seccomp; the bare runtimes have the same spec.")
	fmt.Println("crun is given the profile, as every tool of the field gives it; with our filter, what tug gives it.")
	contenders := []*contender{
		{name: "crun"}, {name: "crun, our filter", against: "crun"}, {name: "tug on crun", against: "crun", goal: 1.5},
		{name: "runc"}, {name: "tug on runc", against: "runc", goal: 1.25},
		{name: "podman", against: "tug on crun"},
	}
	for _, c := range contenders {
		c.work = work(runners[c.name])
	}
	if err := interleave(b.count(30), contenders); err != nil {
		return err
	}
	over := table(os.Stdout, contenders)
	if ratio := contenders[5].ratio(contenders); ratio < 5 {
		over = append(over, fmt.Sprintf("podman takes only %.2fx of tug, goal 5x", ratio))
	}
	return missed(over)
}

// parallel is 40 runs, 8 at once.
func (b *bench) parallel(ctx context.Context) error {
	runners, err := b.runners(ctx, nil, "true")
	if err != nil {
		return err
	}
	fmt.Println("40 runs, 8 at once")
	contenders := []*contender{
		{name: "crun"}, {name: "tug on crun", against: "crun", goal: 1.2},
		{name: "runc"}, {name: "tug on runc", against: "runc"},
		{name: "podman", against: "tug on crun"},
	}
	for _, c := range contenders {
		c.work = func() (time.Duration, error) { return atOnce(8, 40, runners[c.name]) }
	}
	if err := interleave(b.count(3), contenders); err != nil {
		return err
	}
	return missed(table(os.Stdout, contenders))
}

func atOnce(workers, jobs int, make func() *exec.Cmd) (time.Duration, error) {
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		cpu   time.Duration
		err   error
		left  atomic.Int64
	)
	left.Store(int64(jobs))
	for range workers {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				took, failed := finish(make())
				mu.Lock()
				cpu, err = cpu+took, errors.Join(err, failed)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return cpu, err
}

const pipeSize = 1 << 30

// pipe is 1 GiB through cat in a container, from a pipe and into one.
func (b *bench) pipe(ctx context.Context) error {
	runners, err := b.runners(ctx, []string{"-i"}, "cat")
	if err != nil {
		return err
	}
	fmt.Println("1 GiB through cat in a container, from a pipe into a pipe")
	contenders := []*contender{
		{name: "crun"}, {name: "tug on crun", against: "crun", goal: 1.05},
		{name: "runc"}, {name: "tug on runc", against: "runc", goal: 1.05},
		{name: "podman", against: "tug on crun"},
	}
	for _, c := range contenders {
		c.work = func() (time.Duration, error) { return through(runners[c.name]()) }
	}
	if err := interleave(b.count(3), contenders); err != nil {
		return err
	}
	return missed(table(os.Stdout, contenders))
}

// through feeds a command from head and counts what it prints: in processes of
// their own, so that the descriptors are pipes of the kernel and no more.
func through(cmd *exec.Cmd) (time.Duration, error) {
	feed := exec.Command("head", "-c", fmt.Sprint(pipeSize), "/dev/zero")
	count := exec.Command("wc", "-c")
	var result strings.Builder
	count.Stdout = &result
	inRead, inWrite, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		return 0, errors.Join(err, inRead.Close(), inWrite.Close())
	}
	feed.Stdout, cmd.Stdin, cmd.Stdout, count.Stdin = inWrite, inRead, outWrite, outRead
	err = errors.Join(feed.Start(), count.Start())
	closeAll(inWrite, outRead)
	cpu, failed := finish(cmd)
	closeAll(inRead, outWrite)
	err = errors.Join(err, failed, feed.Wait(), count.Wait())
	if got := strings.TrimSpace(result.String()); err == nil && got != fmt.Sprint(pipeSize) {
		err = fmt.Errorf("%s bytes came out, want %d", got, pipeSize)
	}
	return cpu, err
}

func closeAll(files ...io.Closer) {
	for _, f := range files {
		f.Close()
	}
}
