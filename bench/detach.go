// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// detach is how long it takes until a container runs that outlives its command.
func (b *bench) detach(ctx context.Context) (err error) {
	p, err := b.at(ctx)
	if err != nil {
		return err
	}
	bundle, err := p.bundle(b, "sleep", "1000")
	if err != nil {
		return err
	}
	fmt.Println("run -d IMAGE sleep, until it returns; the bare runtimes: create and start of the same spec.")
	var contenders []*contender
	for _, runtime := range []string{"crun", "runc"} {
		bare := p.creator(runtime, bundle)
		defer bare.end()
		ours := p.detacher(b, "--runtime", runtime)
		defer ours.end()
		contenders = append(contenders, &contender{name: runtime, work: bare.start},
			&contender{name: "tug on " + runtime, against: runtime, goal: 1.8, work: ours.start})
	}
	peer := p.podmanDetacher()
	defer peer.end()
	contenders = append(contenders, &contender{name: "podman", against: "tug on crun", work: peer.start})
	if err := interleave(b.count(15), contenders); err != nil {
		return err
	}
	over := table(os.Stdout, contenders)
	if ratio := contenders[4].ratio(contenders); ratio < 6 {
		over = append(over, fmt.Sprintf("podman takes only %.2fx of tug, goal 6x", ratio))
	}
	return missed(over)
}

// burst is 100 containers started at once: all must run, and the slowest must
// not take long compared with the usual one.
func (b *bench) burst(ctx context.Context) error {
	p, err := b.at(ctx)
	if err != nil {
		return err
	}
	bundle, err := p.bundle(b, "sleep", "1000")
	if err != nil {
		return err
	}
	fmt.Println("100 at once, detached; each starter's own time")
	const count = 100
	bare, ours := p.creator("crun", bundle), p.detacher(b, "--runtime", "crun")
	defer bare.end()
	defer ours.end()
	var bareHalf time.Duration
	for _, c := range []struct {
		name    string
		starter *stayers
	}{{"crun", bare}, {"tug on crun", ours}} {
		times, err := c.starter.atOnce(count)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		half, last := times[count/2], times[count*99/100]
		fmt.Printf("%-12s p50 %s  p99 %s\n", c.name, half.Round(time.Millisecond), last.Round(time.Millisecond))
		if bareHalf == 0 {
			bareHalf = half
		} else if ratio := float64(last) / float64(bareHalf); ratio > 2 {
			return fmt.Errorf("goals missed: p99 is %.2fx of bare crun's p50, goal 2x", ratio)
		}
	}
	return nil
}

// stayers starts containers that stay, one after the other or many at once.
type stayers struct {
	// make gives the commands that start one, in turn. The last one prints its ID,
	// unless silent: then it is the last argument.
	make   func() []*exec.Cmd
	silent bool
	remove func(ids []string) error
	mu     sync.Mutex
	ids    []string
}

func (s *stayers) start() (time.Duration, error) {
	began := time.Now()
	var id string
	for _, cmd := range s.make() {
		id = cmd.Args[len(cmd.Args)-1]
		var out strings.Builder
		if !s.silent {
			cmd.Stdout = &out
		}
		// A silent one has no pipes: they would be the container's, and open until it
		// ends.
		if err := cmd.Run(); err != nil {
			return 0, fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
		}
		if !s.silent {
			id = strings.TrimSpace(out.String())
		}
	}
	took := time.Since(began)
	s.mu.Lock()
	s.ids = append(s.ids, id)
	s.mu.Unlock()
	return took, nil
}

func (s *stayers) atOnce(n int) ([]time.Duration, error) {
	times, errs := make([]time.Duration, n), make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { times[i], errs[i] = s.start() })
	}
	group.Wait()
	slices.Sort(times)
	return times, errors.Join(errs...)
}

// end removes what was started.
func (s *stayers) end() {
	if err := s.remove(s.ids); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}

// creator is `create` and `start` of a runtime alone.
func (p *place) creator(runtime, bundle string) *stayers {
	var n atomic.Int64
	state := []string{"--root", p.of("state-" + runtime)}
	return &stayers{
		silent: true,
		make: func() []*exec.Cmd {
			id := fmt.Sprintf("%s-%d-d%d", filepath.Base(bundle), os.Getpid(), n.Add(1))
			create := p.command(runtime, append(slices.Clone(state), "create", "--bundle", bundle, id)...)
			return []*exec.Cmd{create, p.command(runtime, append(slices.Clone(state), "start", id)...)}
		},
		remove: func(ids []string) error {
			var err error
			for _, id := range ids {
				err = errors.Join(err, p.command(runtime, append(slices.Clone(state), "delete", "-f", id)...).Run())
			}
			return err
		},
	}
}

// detacher is run -d of ours.
func (p *place) detacher(b *bench, flags ...string) *stayers {
	args := append(append([]string{"-d", "--network=none"}, flags...), image, "sleep", "1000")
	return &stayers{
		make: func() []*exec.Cmd { return []*exec.Cmd{p.tug(b, "run", args...)} },
		remove: func(ids []string) error {
			if len(ids) == 0 {
				return nil
			}
			return p.tug(b, "rm", append([]string{"-f", "-t", "0"}, ids...)...).Run()
		},
	}
}

func (p *place) podmanDetacher() *stayers {
	return &stayers{
		make: func() []*exec.Cmd {
			return []*exec.Cmd{p.podman("run", "-d", "--network=none", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024", image, "sleep", "1000")}
		},
		remove: func(ids []string) error {
			return p.podman(append([]string{"rm", "-f", "-t", "0"}, ids...)...).Run()
		},
	}
}
