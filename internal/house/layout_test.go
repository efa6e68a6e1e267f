// SPDX-License-Identifier: Apache-2.0

package house

import (
	"bufio"
	"fmt"
	"path"
	"strings"
	"testing"
)

// A package called so says nothing of what it is, and soon holds everything.
var junkNames = []string{"util", "utils", "common", "helper", "helpers", "misc", "types", "base", "manager", "shared", "lib"}

// checkName looks at a source file's package.
func checkName(file, source string) string {
	name := ""
	scanner := bufio.NewScanner(strings.NewReader(source))
	for scanner.Scan() {
		if clause, ok := strings.CutPrefix(scanner.Text(), "package "); ok {
			name = strings.TrimSuffix(strings.Fields(clause)[0], "_test")
			break
		}
	}
	for _, junk := range junkNames {
		if name == junk || path.Base(path.Dir(file)) == junk {
			return fmt.Sprintf("%s: package %q: a package is a noun or a place", file, junk)
		}
	}
	if name != strings.ToLower(name) || strings.Contains(name, "_") {
		return fmt.Sprintf("%s: package %q: one lower-case word", file, name)
	}
	return ""
}

// A file is one idea: over 350 lines it asks for a reason, over 600 it is two
// files. Tests may be long without one.
func checkSize(file, source string) string {
	lines := strings.Count(source, "\n")
	switch {
	case lines > 600:
		return fmt.Sprintf("%s: %d lines: this is two files", file, lines)
	case lines > 350 && !strings.HasSuffix(file, "_test.go") && !strings.Contains(source, "// house: allow long-file: "):
		return fmt.Sprintf("%s: %d lines: say why with \"house: allow long-file: REASON\", or split it", file, lines)
	}
	return ""
}

const spdx = "SPDX-License-Identifier: Apache-2.0"

// A file that is copied elsewhere keeps its licence only if it names it. Go
// files say it in the first line, scripts in one of the first three.
func checkLicence(file, source string) string {
	lines := strings.SplitN(source, "\n", 4)
	if strings.HasSuffix(file, ".go") {
		if lines[0] != "// "+spdx {
			return file + ": the first line is not // " + spdx
		}
		return ""
	}
	for _, line := range lines[:min(3, len(lines))] {
		if line == "# "+spdx {
			return ""
		}
	}
	return file + ": none of the first three lines is # " + spdx
}

func isScript(file, source string) bool {
	base := path.Base(file)
	return base == "Makefile" || strings.HasSuffix(base, ".sh") || strings.HasSuffix(base, ".mk") || strings.HasPrefix(source, "#!")
}

func TestLayout(t *testing.T) {
	for _, file := range files(t) {
		source := read(t, file)
		var faults []string
		if strings.HasSuffix(file, ".go") {
			faults = append(faults, checkName(file, source), checkSize(file, source))
		}
		if strings.HasSuffix(file, ".go") || isScript(file, source) {
			faults = append(faults, checkLicence(file, source))
		}
		for _, fault := range faults {
			if fault != "" {
				t.Error(fault)
			}
		}
	}
}

func TestLayoutRulesCanFail(t *testing.T) {
	lines := func(n int) string { return strings.Repeat("\n", n) }
	head := "// " + spdx + "\n\n"
	for _, test := range []struct {
		check        func(file, source string) string
		file, source string
		fault        bool
	}{
		{checkName, "a/b/x.go", head + "package b\n", false},
		{checkName, "a/b/x_test.go", head + "package b_test\n", false},
		{checkName, "a/utils/x.go", head + "package b\n", true},
		{checkName, "a/b/x.go", head + "package common // yes\n", true},
		{checkName, "a/b/x.go", head + "package imageStore\n", true},
		{checkName, "a/b/x.go", head + "package image_store\n", true},
		{checkSize, "a.go", lines(350), false},
		{checkSize, "a.go", lines(351), true},
		{checkSize, "a.go", "// house: allow long-file: one table\n" + lines(400), false},
		{checkSize, "a_test.go", lines(400), false},
		{checkSize, "a.go", "// house: allow long-file: one table\n" + lines(601), true},
		{checkSize, "a_test.go", lines(601), true},
		{checkLicence, "a.go", head + "package a\n", false},
		{checkLicence, "a.go", "\n" + head, true},
		{checkLicence, "a.go", "package a\n", true},
		{checkLicence, "run", "#!/bin/sh\n# " + spdx + "\ntrue\n", false},
		{checkLicence, "run", "#!/bin/sh\ntrue\n", true},
	} {
		if got := test.check(test.file, test.source); (got != "") != test.fault {
			t.Errorf("%s, %.40q: %q", test.file, test.source, got)
		}
	}
}
