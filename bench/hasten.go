// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"sync/atomic"
	"time"

	"github.com/tug-containers/tug/libexec"
)

// hasten is what libexec.Hasten takes out of the work of a runtime. After a
// moment of quiet the kernel lets the first mover of a process wait; a runtime
// that is run in a loop never sees that.
func (b *bench) hasten(ctx context.Context) error {
	p, err := b.at(ctx)
	if err != nil {
		return err
	}
	bundle, err := p.bundle(b, "true")
	if err != nil {
		return err
	}
	const quiet, ahead = 150 * time.Millisecond, 15 * time.Millisecond
	var (
		contenders []*contender
		n          atomic.Int64
	)
	for _, runtime := range []string{"crun", "runc"} {
		run := p.bare(runtime, bundle, &n)
		contenders = append(contenders,
			&contender{name: runtime + " after quiet", work: work(run), before: func() error {
				time.Sleep(quiet + ahead)
				return nil
			}},
			&contender{name: runtime + " hastened", against: runtime + " after quiet", work: work(run), before: func() error {
				time.Sleep(quiet)
				libexec.Hasten()
				time.Sleep(ahead)
				return nil
			}})
	}
	if err := interleave(b.count(20), contenders); err != nil {
		return err
	}
	table(os.Stdout, contenders)
	return nil
}
