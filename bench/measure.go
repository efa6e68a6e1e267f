// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// contender is one way to do the work that is measured.
type contender struct {
	name string
	// against is the name of the contender that this one is compared with.
	against string
	// goal, when set, is what the ratio should not be over.
	goal float64
	// before and after are not timed.
	before, after func() error
	work          func() (cpu time.Duration, err error)

	wall, cpu []time.Duration
}

// interleave runs all contenders in turn, round by round, each round starting
// with another one, so that what the machine does besides meets all alike.
// One more round comes first, and does not count.
func interleave(rounds int, contenders []*contender) error {
	for round := range rounds + 1 {
		for n := range contenders {
			c := contenders[(n+round)%len(contenders)]
			if err := c.once(round > 0); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	return nil
}

func (c *contender) once(counts bool) error {
	if c.before != nil {
		if err := c.before(); err != nil {
			return err
		}
	}
	start := time.Now()
	cpu, err := c.work()
	wall := time.Since(start)
	if c.after != nil {
		err = errors.Join(err, c.after())
	}
	if counts {
		c.wall, c.cpu = append(c.wall, wall), append(c.cpu, cpu)
	}
	return err
}

// median of a sorted or unsorted set; zero of none.
func median(all []time.Duration) time.Duration {
	return quantile(all, 0.5)
}

func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// table prints the results; over names the contenders that missed their goal.
func table(w io.Writer, contenders []*contender) (over []string) {
	fmt.Fprintf(w, "%-22s %10s %10s %10s %10s  %s\n", "", "best", "median", "p90", "cpu", "ratio of medians")
	for _, c := range contenders {
		line := fmt.Sprintf("%-22s %10s %10s %10s %10s", c.name, short(quantile(c.wall, 0)), short(median(c.wall)),
			short(quantile(c.wall, 0.9)), short(median(c.cpu)))
		if c.against != "" {
			ratio := c.ratio(contenders)
			line += fmt.Sprintf("  %.2fx %s", ratio, c.against)
			if c.goal > 0 {
				verdict := "reached"
				if ratio > c.goal {
					verdict = "MISSED"
					over = append(over, fmt.Sprintf("%s %.2fx > %.2fx", c.name, ratio, c.goal))
				}
				line += fmt.Sprintf(" (goal %.2fx: %s)", c.goal, verdict)
			}
		}
		fmt.Fprintln(w, line)
	}
	return over
}

func (c *contender) ratio(all []*contender) float64 {
	for _, other := range all {
		if other.name == c.against && median(other.wall) > 0 {
			return float64(median(c.wall)) / float64(median(other.wall))
		}
	}
	return 0
}

func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	default:
		return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
	}
}
