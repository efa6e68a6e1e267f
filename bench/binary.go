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
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Budgets: what a family of binaries may cost; docs/start-cost.md has them. A
// family is found by its inode, and known by one of its members.
type budget struct {
	member string
	size   int64   // bytes
	start  float64 // times a Go hello world
}

func budgets() []budget {
	return []budget{
		{"tug", 3e6, 2}, {"tug-monitor", 3e6, 2.5}, {"tug-unit", 4e6, 2}, {"tug-dns", 5e6, 2.5}, {"tug-run", 12e6, 2.5}, {"tug-pull", 25e6, 4.5},
	}
}

const installation = 45_000_000

type binary struct {
	name   string
	inode  uint64
	size   int64
	budget budget
}

func (b *bench) binaries() ([]binary, error) {
	entries, err := os.ReadDir(b.bin)
	if err != nil {
		return nil, err
	}
	var all []binary
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return nil, err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && info.Mode().IsRegular() {
			all = append(all, binary{name: entry.Name(), inode: stat.Ino, size: info.Size()})
		}
	}
	for _, limit := range budgets() {
		member := slices.IndexFunc(all, func(x binary) bool { return x.name == limit.member })
		if member < 0 {
			return nil, fmt.Errorf("no %s in %s", limit.member, b.bin)
		}
		for n := range all {
			if all[n].inode == all[member].inode {
				all[n].budget = limit
			}
		}
	}
	return all, nil
}

// size prints each file once, with its names.
func (b *bench) size(context.Context) error {
	all, err := b.binaries()
	if err != nil {
		return err
	}
	var total int64
	var over []error
	for _, limit := range budgets() {
		var names []string
		var size int64
		for _, x := range all {
			if x.budget == limit {
				names, size = append(names, x.name), x.size
			}
		}
		fmt.Printf("%6.2f MB of %5.1f MB  %s\n", float64(size)/1e6, float64(limit.size)/1e6, strings.Join(names, " "))
		total += size
		if size > limit.size {
			over = append(over, fmt.Errorf("%s: %d bytes, budget %d", limit.member, size, limit.size))
		}
	}
	for _, x := range all {
		if x.budget == (budget{}) {
			over = append(over, fmt.Errorf("%s is of no family: it has no budget", x.name))
		}
	}
	fmt.Printf("%6.2f MB of %5.1f MB  all of it\n", float64(total)/1e6, installation/1e6)
	if total > installation {
		over = append(over, fmt.Errorf("installation: %d bytes, budget %d", total, int64(installation)))
	}
	return errors.Join(over...)
}

// start prints what a start without work costs, against a Go hello world: the
// time to the complaint about an unknown flag, and the time and allocations of
// package initialization.
func (b *bench) start(ctx context.Context) error {
	hello, err := b.hello(ctx)
	if err != nil {
		return err
	}
	all, err := b.binaries()
	if err != nil {
		return err
	}
	base := &contender{name: "hello world", work: starter(hello)}
	contenders := []*contender{base}
	for _, x := range all {
		c := &contender{name: x.name, against: base.name, goal: x.budget.start}
		c.work = starter(filepath.Join(b.bin, x.name), "--no-such-flag")
		contenders = append(contenders, c)
	}
	if err := interleave(b.count(100), contenders); err != nil {
		return err
	}
	over := table(os.Stdout, contenders)
	fmt.Println("\npackage initialization, the best of five:")
	for _, x := range all {
		took, bytes, packages := initCost(filepath.Join(b.bin, x.name))
		for range 4 {
			again, _, _ := initCost(filepath.Join(b.bin, x.name))
			took = min(took, again)
		}
		fmt.Printf("%-22s %7.3f ms %9d bytes %5d packages\n", x.name, took, bytes, packages)
	}
	if len(over) > 0 {
		return fmt.Errorf("over budget: %s", strings.Join(over, "; "))
	}
	return nil
}

// starter runs a program whose exit code does not matter.
func starter(path string, args ...string) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		cmd := exec.Command(path, args...)
		err := cmd.Run()
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			err = nil
		}
		if err != nil {
			return 0, err
		}
		return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
	}
}

func (b *bench) hello(ctx context.Context) (string, error) {
	dir := filepath.Join(b.top, "build", "bench")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	source, out := filepath.Join(dir, "hello.go"), filepath.Join(dir, "hello")
	text := "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"hello, world\") }\n"
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", out, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build hello world: %w: %s", err, text)
	}
	return out, nil
}

// initCost adds up what the Go runtime tells about package initialization:
// "init NAME @0.1 ms, 0.02 ms clock, 1234 bytes, 5 allocs".
func initCost(path string) (ms float64, size, packages int) {
	cmd := exec.Command(path, "--no-such-flag")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	_ = cmd.Run()
	shape := regexp.MustCompile(`(?m)^init \S+ @\S+ ms, (\S+) ms clock, (\d+) bytes, \d+ allocs$`)
	for _, m := range shape.FindAllStringSubmatch(stderr.String(), -1) {
		took, _ := strconv.ParseFloat(m[1], 64)
		bytes, _ := strconv.Atoi(m[2])
		ms, size, packages = ms+took, size+bytes, packages+1
	}
	return ms, size, packages
}
