// SPDX-License-Identifier: Apache-2.0

// Command report runs all tests in order (unit tests with the seeds of the
// fuzz tests, then the stories on the real binaries, containers as units of systemd,
// commands that are killed, and hostile inputs) and ends with what was skipped and why. Its exit code is 1
// when a test failed.
//
//	report [unit|script|systemd|faults|hostile]... [-- FLAGS OF GO TEST]
package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// A phase is a part of the run: the packages that have its mark in their path.
type phase struct {
	name, mark string
	// fresh phases run programs that the test cache does not see.
	fresh bool
}

func phases() []phase {
	return []phase{
		{name: "unit"},
		{name: "script", mark: "/test/script", fresh: true},
		{name: "systemd", mark: "/test/systemd", fresh: true},
		{name: "faults", mark: "/test/faults", fresh: true},
		{name: "hostile", mark: "/test/hostile", fresh: true},
	}
}

func main() {
	args, flags := os.Args[1:], []string(nil)
	if cut := slices.Index(args, "--"); cut >= 0 {
		args, flags = args[:cut], args[cut+1:]
	}
	total := &tally{}
	for _, p := range phases() {
		if len(args) > 0 && !slices.Contains(args, p.name) {
			continue
		}
		if err := run(p, flags, total); err != nil {
			fmt.Fprintln(os.Stderr, "report:", err)
			os.Exit(1)
		}
	}
	total.close(os.Stdout)
	if total.failed > 0 {
		os.Exit(1)
	}
}

func run(p phase, flags []string, total *tally) error {
	packages, err := list(p)
	if err != nil || len(packages) == 0 {
		return err
	}
	fmt.Printf("== %s\n", p.name)
	start := time.Now()
	args := []string{"test", "-json", "-p=2", "-timeout=20m"}
	if p.fresh {
		args = append(args, "-count=1")
	}
	if os.Getuid() != 0 {
		args = append(args, "-exec=sudo -E env PATH="+os.Getenv("PATH"))
	}
	cmd := exec.Command("go", slices.Concat(args, flags, packages)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	before := total.failed
	readErr := total.read(out, os.Stdout)
	err = cmd.Wait()
	if readErr != nil {
		return readErr
	}
	if err != nil && total.failed == before {
		return fmt.Errorf("go test: %w", err)
	}
	fmt.Printf("== %s: %s\n", p.name, time.Since(start).Round(100*time.Millisecond))
	return nil
}

// list gives the packages of a phase that have tests.
func list(p phase) ([]string, error) {
	format := `{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}`
	out, err := exec.Command("go", "list", "-f", format, "./...").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var packages []string
	for _, name := range strings.Fields(string(out)) {
		if belongs(name) == p.name {
			packages = append(packages, name)
		}
	}
	return packages, nil
}

func belongs(name string) string {
	for _, p := range phases() {
		if p.mark != "" && strings.HasSuffix(name, p.mark) {
			return p.name
		}
	}
	return "unit"
}
