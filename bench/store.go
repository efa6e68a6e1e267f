// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// store is a run in a store that has 1,000 containers, against one in a store that
// has none: its time, and what it writes to the disk.
func (b *bench) store(ctx context.Context) error {
	p, err := b.at(ctx)
	if err != nil {
		return err
	}
	const others = 1000
	fmt.Printf("run --rm IMAGE true with %d created containers in the store, and with none\n", others)
	full := []string{"--root", p.of("full/root"), "--runroot", filepath.Join(p.run, "full")}
	in := func(store []string, verb string, args ...string) *exec.Cmd {
		return p.tug(b, verb, append(slices.Clone(store), args...)...)
	}
	if _, err := finish(p.tug(b, "copy", "-q", "oci:"+p.of("busybox")+":latest",
		fmt.Sprintf("containers-storage:[overlay@%s+%s]%s", full[1], full[3], image))); err != nil {
		return err
	}
	if _, err := many(others, func() *exec.Cmd { return in(full, "create", image, "true") }); err != nil {
		return err
	}
	var none, all written
	run := func(store []string, w *written) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			return w.by(in(store, "run", "--runtime=crun", "--rm", "--network=none", image, "true"))
		}
	}
	contenders := []*contender{{name: "none", work: run(nil, &none)},
		{name: fmt.Sprint(others), against: "none", goal: 1.1, work: run(full, &all)}}
	if err := interleave(b.count(30), contenders); err != nil {
		return err
	}
	over := table(os.Stdout, contenders)
	fmt.Printf("bytes written to the disk: %d with none, %d with %d\n", none.median(), all.median(), others)
	if all.median() > none.median() {
		over = append(over, "more is written")
	}
	return missed(over)
}

// written is what commands, and the children that they waited for, wrote to the
// disk: once for each run.
type written []int64

func (w *written) by(cmd *exec.Cmd) (time.Duration, error) {
	cpu, err := finish(cmd)
	if err != nil {
		return 0, err
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		*w = append(*w, usage.Oublock*512)
	}
	return cpu, nil
}

func (w written) median() int64 {
	if len(w) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(w))[len(w)/2]
}
