// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"os/exec"
	"testing"
)

// BenchmarkRun compares Run with the bare runtime, both from this process. What
// is left of the difference is ours.
func BenchmarkRun(b *testing.B) {
	for _, name := range candidates {
		if _, err := exec.LookPath(name); err != nil {
			continue
		}
		b.Run(name+"/bare", func(b *testing.B) {
			g := benchRig(b, name)
			for b.Loop() {
				cmd := exec.Command(g.runtime.Path, "--root", g.runtime.root, "run", "--bundle", g.c.Bundle, g.c.ID)
				if err := cmd.Run(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/Run", func(b *testing.B) {
			g := benchRig(b, name)
			g.opts.OnStart = func(Process) error { return nil }
			for b.Loop() {
				if exit, err := g.runtime.Run(b.Context(), g.c, g.opts); err != nil || exit.Code != 0 {
					b.Fatal(exit, err)
				}
			}
		})
		b.Run(name+"/Run terminal", func(b *testing.B) {
			g := benchRig(b, name)
			g.opts.Terminal = true
			g.command("/bin/true")
			for b.Loop() {
				if exit, err := g.runtime.Run(b.Context(), g.c, g.opts); err != nil || exit.Code != 0 {
					b.Fatal(exit, err)
				}
			}
		})
	}
}

func benchRig(b *testing.B, name string) *runRig {
	g := newRunRig(b, name)
	g.command("/bin/true")
	return g
}
