// SPDX-License-Identifier: Apache-2.0

// Command weight prints what each module that we depend on adds to our
// programs: its code and data in the two family binaries, and what its packages
// cost before main, as a table in Markdown for docs/dependencies.md.
//
// Code and data are the sizes of the symbols that stayed after the linker threw
// out what nothing reaches. Names of types and tables of lines are not counted
// to anybody. The cost of a start is the smallest of ten, on this machine.
package main

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const ours = "github.com/tug-containers/tug"

// A family is one of the binaries, and a name it is started by.
type family struct{ name, verb string }

var families = [...]family{{"containers", "tug-run"}, {"images", "tug-pull"}}

// weight is what a module adds to each family.
type weight struct {
	module, version string
	indirect        bool
	bytes           [len(families)]int64
	initNanos       [len(families)]int64
}

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func run(w io.Writer) error {
	modules, err := list()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "weight-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for i, f := range families {
		binary := filepath.Join(dir, f.verb)
		build := exec.Command("go", "build", "-trimpath", "-o", binary, "./cmd/family/"+f.name)
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w: %s", f.name, err, out)
		}
		sizes, err := symbols(binary)
		if err != nil {
			return err
		}
		for name, size := range sizes {
			of(modules, packageOf(name)).bytes[i] += size
		}
		costs, err := starts(binary)
		if err != nil {
			return err
		}
		for path, nanos := range costs {
			of(modules, path).initNanos[i] += nanos
		}
	}
	return write(w, modules)
}

// list gives the modules of all packages that the families link.
func list() (map[string]*weight, error) {
	out, err := exec.Command("go", "list", "-deps", "-json=Module", "./cmd/family/...").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	modules := map[string]*weight{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Module *struct {
				Path, Version string
				Indirect      bool
			}
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return modules, nil
		} else if err != nil {
			return nil, err
		}
		if p.Module != nil {
			modules[p.Module.Path] = &weight{module: p.Module.Path, version: p.Module.Version, indirect: p.Module.Indirect}
		}
	}
}

// of finds the module of a package: the longest path that is a part of it. What
// has none is the standard library's, or the linker's.
func of(modules map[string]*weight, path string) *weight {
	for p := path; p != "." && p != "/" && p != ""; p = filepath.Dir(p) {
		if m := modules[p]; m != nil {
			return m
		}
	}
	if modules["std"] == nil {
		modules["std"] = &weight{module: "std"}
	}
	return modules["std"]
}

// symbols gives the sizes of what a binary has in its file: not of memory that
// is zero at the start.
func symbols(binary string) (map[string]int64, error) {
	file, err := elf.Open(binary)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	all, err := file.Symbols()
	if err != nil {
		return nil, fmt.Errorf("symbols of %s: %w", binary, err)
	}
	sizes := map[string]int64{}
	for _, symbol := range all {
		if n := int(symbol.Section); n > 0 && n < len(file.Sections) && file.Sections[n].Type != elf.SHT_NOBITS {
			sizes[symbol.Name] += int64(symbol.Size)
		}
	}
	return sizes, nil
}

// packageOf gives the import path in a symbol's name. Dots in the last part of
// a path are written %2e.
func packageOf(symbol string) string {
	symbol = strings.TrimPrefix(symbol, "go:itab.*")
	symbol = strings.TrimPrefix(symbol, "type:.eq.")
	if i := strings.IndexAny(symbol, "[({,;"); i >= 0 {
		symbol = symbol[:i]
	}
	slash := strings.LastIndexByte(symbol, '/') + 1
	last, _, found := strings.Cut(symbol[slash:], ".")
	if !found {
		return ""
	}
	return strings.ReplaceAll(symbol[:slash]+last, "%2e", ".")
}

// starts gives the smallest time that the initialisation of each package took.
func starts(binary string) (map[string]int64, error) {
	best := map[string]int64{}
	for range 10 {
		cmd := exec.Command(binary, "--help")
		cmd.Env = []string{"GODEBUG=inittrace=1", "PATH=" + os.Getenv("PATH")}
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("start %s: %w: %s", binary, err, stderr.String())
		}
		for path, nanos := range parseTrace(stderr.String()) {
			if old, ok := best[path]; !ok || nanos < old {
				best[path] = nanos
			}
		}
	}
	return best, nil
}

// parseTrace reads lines such as
//
//	init net/http @0.9 ms, 0.061 ms clock, 21864 bytes, 180 allocs
func parseTrace(text string) map[string]int64 {
	costs := map[string]int64{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[0] != "init" || fields[5] != "ms" {
			continue
		}
		if ms, err := strconv.ParseFloat(fields[4], 64); err == nil {
			costs[fields[1]] += int64(ms * 1e6)
		}
	}
	return costs
}

func write(w io.Writer, modules map[string]*weight) error {
	var all []*weight
	for _, m := range modules {
		if m.module != ours {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b *weight) int {
		return cmp.Or(cmp.Compare(sum(b.bytes), sum(a.bytes)), cmp.Compare(a.module, b.module))
	})
	var b strings.Builder
	b.WriteString("| module | version | containers KB | images KB | tug-run init µs | tug-pull init µs |\n| --- | --- | ---: | ---: | ---: | ---: |\n")
	for _, m := range all {
		name := m.module
		if m.indirect {
			name += " (indirect)"
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %d |\n", name, m.version,
			m.bytes[0]/1000, m.bytes[1]/1000, m.initNanos[0]/1000, m.initNanos[1]/1000)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func sum(all [len(families)]int64) (total int64) {
	for _, n := range all {
		total += n
	}
	return total
}
