// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// printState says what machine this is and what else it does.
func printState(w io.Writer) {
	fmt.Fprintf(w, "%s, %d cores, %s\n", time.Now().UTC().Format(time.DateTime), runtime.NumCPU(), field("/proc/cpuinfo", "model name"))
	fmt.Fprintf(w, "kernel %s, memory available %s, load %s\n", line("/proc/sys/kernel/osrelease"), field("/proc/meminfo", "MemAvailable"), load())
	for _, tool := range []string{"crun", "runc", "podman", "skopeo"} {
		out, err := exec.Command(tool, "--version").Output()
		if err != nil {
			fmt.Fprintf(w, "%s: not here\n", tool)
			continue
		}
		first, _, _ := strings.Cut(string(out), "\n")
		fmt.Fprintln(w, first)
	}
	var stat float64
	if _, err := fmt.Sscanf(line("/proc/loadavg"), "%f", &stat); err == nil && stat > 0.5 {
		fmt.Fprintln(w, "THE MACHINE IS NOT QUIET: read the ratios with care")
	}
}

func load() string {
	return strings.Join(strings.Fields(line("/proc/loadavg") + " ? ? ?")[:3], " ")
}

// filesystem names the one that a directory is on.
func filesystem(dir string) string {
	out, err := exec.Command("stat", "-f", "-c", "%T", dir).Output()
	if err != nil {
		return "?"
	}
	return strings.TrimSpace(string(out))
}

func line(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "?"
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	return first
}

func field(path, key string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "?"
	}
	for l := range strings.Lines(string(raw)) {
		if name, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return "?"
}
