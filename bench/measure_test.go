// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"
)

func TestInterleave(t *testing.T) {
	var order []string
	worker := func(name string, takes time.Duration) *contender {
		return &contender{name: name, work: func() (time.Duration, error) {
			order = append(order, name)
			time.Sleep(takes)
			return takes, nil
		}}
	}
	slow, quick := worker("slow", 20*time.Millisecond), worker("quick", time.Millisecond)
	slow.against, slow.goal = "quick", 2
	both := []*contender{quick, slow}
	if err := interleave(3, both); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(order, " "), "quick slow slow quick quick slow slow quick"; got != want {
		t.Errorf("order %q, want %q", got, want)
	}
	if len(slow.wall) != 3 {
		t.Errorf("%d runs counted, want 3", len(slow.wall))
	}
	var out strings.Builder
	if over := table(&out, both); len(over) != 1 || !strings.Contains(out.String(), "MISSED") {
		t.Errorf("over %v in\n%s", over, out.String())
	}
}

func TestQuantile(t *testing.T) {
	all := []time.Duration{5, 1, 4, 2, 3}
	if got := median(all); got != 3 {
		t.Errorf("median %d, want 3", got)
	}
	if got := quantile(all, 0.9); got != 5 {
		t.Errorf("p90 %d, want 5", got)
	}
}
