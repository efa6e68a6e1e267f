// SPDX-License-Identifier: Apache-2.0

// Command bench measures the project against the bare runtime and its peers.
// It prints ratios of medians of interleaved runs, with the machine's state:
// numbers of one machine, in one hour, mean little alone.
//
//	go run ./bench [-rounds N] [SECTION...]
//
// Sections: start, size, run, rootless, userns, exec, detach, burst, store, ps, log, logs, hasten, parallel, pipe, pull, copy; without one, all.
// start and size have budgets, and fail over them. It needs root, crun, runc,
// podman, skopeo, curl, a registry, and for pull and copy mmdebstrap and a
// package mirror.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// bench is what the sections share.
type bench struct {
	top, bin string
	rounds   int
	place    *place
}

type section struct {
	name    string
	measure func(*bench, context.Context) error
}

func sections() []section {
	return []section{
		{"size", (*bench).size}, {"start", (*bench).start}, {"run", (*bench).run}, {"rootless", (*bench).rootless}, {"exec", (*bench).exec}, {"detach", (*bench).detach}, {"burst", (*bench).burst}, {"store", (*bench).store}, {"ps", (*bench).ps}, {"log", (*bench).log}, {"logs", (*bench).logs}, {"hasten", (*bench).hasten},
		{"parallel", (*bench).parallel}, {"pipe", (*bench).pipe}, {"userns", (*bench).userns},
		{"pull", (*bench).pull}, {"copy", (*bench).copy},
	}
}

func main() {
	rounds := flag.Int("rounds", 0, "rounds of each section (default: each section's own)")
	flag.Parse()
	if err := all(context.Background(), *rounds, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func all(ctx context.Context, rounds int, names []string) error {
	top, err := filepath.Abs(".")
	if err != nil {
		return err
	}
	b := &bench{top: top, bin: filepath.Join(top, "bin"), rounds: rounds}
	if _, err := os.Stat(filepath.Join(b.bin, "tug")); err != nil {
		return fmt.Errorf("no binaries: run make build first: %w", err)
	}
	for _, name := range names {
		if !slices.ContainsFunc(sections(), func(s section) bool { return s.name == name }) {
			return fmt.Errorf("no section %q", name)
		}
	}
	printState(os.Stdout)
	var failed error
	for _, s := range sections() {
		if len(names) > 0 && !slices.Contains(names, s.name) {
			continue
		}
		fmt.Printf("\n== %s\n", s.name)
		if err := s.measure(b, ctx); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	if b.place != nil {
		failed = errors.Join(failed, b.place.close())
	}
	fmt.Printf("\nload after: %s\n", load())
	return failed
}

// count is the number of rounds of a section.
func (b *bench) count(usual int) int {
	if b.rounds > 0 {
		return b.rounds
	}
	return usual
}
