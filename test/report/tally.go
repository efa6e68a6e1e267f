// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// event is a line of go test -json.
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
}

// tally counts results, and keeps the output of what has not ended yet.
type tally struct {
	passed, failed int
	asRoot, asUser int // stories
	skips          []string
	blamed         map[string]bool // packages with a test that failed
	output         map[string][]string
}

func (t *tally) read(from io.Reader, to io.Writer) error {
	t.output, t.blamed = map[string][]string{}, map[string]bool{}
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Fprintf(to, "%s", line)
			} else {
				t.add(e, to)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (t *tally) add(e event, to io.Writer) {
	key := e.Package + e.ImportPath + " " + e.Test
	switch e.Action {
	case "output", "build-output":
		t.output[key] = append(t.output[key], e.Output)
		return
	case "build-fail":
		t.failed++
		fmt.Fprintf(to, "FAIL %s does not build\n%s", e.ImportPath, strings.Join(t.output[key], ""))
	case "fail":
		t.fail(e, t.output[key], to)
	case "pass":
		if e.Test != "" {
			t.passed++
			t.story(e.Test)
		} else {
			fmt.Fprintf(to, "ok   %s (%.1f s)\n", e.Package, e.Elapsed)
		}
	case "skip":
		if e.Test != "" {
			t.skips = append(t.skips, fmt.Sprintf("%s %s: %s", e.Package, e.Test, reason(t.output[key])))
		}
	default:
		return
	}
	delete(t.output, key)
}

// story counts a story by who told it.
func (t *tally) story(test string) {
	if strings.Count(test, "/") != 2 {
		return
	}
	switch {
	case strings.HasPrefix(test, "TestStories/"):
		t.asRoot++
	case strings.HasPrefix(test, "TestUserStories/"):
		t.asUser++
	}
}

func (t *tally) fail(e event, output []string, to io.Writer) {
	text := strings.Join(output, "")
	if e.Test != "" {
		t.failed++
		t.blamed[e.Package] = true
		fmt.Fprintf(to, "FAIL %s %s (%.1f s)\n%s", e.Package, e.Test, e.Elapsed, text)
		return
	}
	// A package can fail with no test that did: a panic, or a time-out, leaves
	// tests without an end.
	fmt.Fprintf(to, "FAIL %s (%.1f s)\n%s", e.Package, e.Elapsed, text)
	for key, lines := range t.output {
		if name := strings.TrimPrefix(key, e.Package+" "); name != key && name != "" {
			fmt.Fprintf(to, "%s did not end:\n%s", key, strings.Join(lines, ""))
			delete(t.output, key)
		}
	}
	if !t.blamed[e.Package] {
		t.failed++
	}
}

// reason is what the test said when it skipped.
func reason(output []string) string {
	said := "no reason given"
	for _, line := range output {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ") {
			continue
		}
		if _, after, found := strings.Cut(line, ".go:"); found {
			if _, text, found := strings.Cut(after, ": "); found {
				line = text
			}
		}
		said = line
	}
	return said
}

// close prints what was skipped, and the line that a person and a machine
// read.
func (t *tally) close(to io.Writer) {
	if len(t.skips) > 0 {
		fmt.Fprintf(to, "\nskipped:\n")
		for _, s := range t.skips {
			fmt.Fprintf(to, "  %s\n", s)
		}
	}
	fmt.Fprintf(to, "\n%d passed, %d failed, %d skipped\n", t.passed, t.failed, len(t.skips))
	if t.asRoot > 0 || t.asUser > 0 {
		fmt.Fprintf(to, "of them passed %d stories as root, and %d as an ordinary user\n", t.asRoot, t.asUser)
	}
}
