// SPDX-License-Identifier: Apache-2.0

package house

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dependencies gives the modules that packages of ours import by themselves,
// tests included.
func dependencies(t *testing.T) []string {
	t.Helper()
	list := func(format string, args ...string) []string {
		cmd := exec.Command("go", slices.Concat([]string{"list", "-f", format}, args)...)
		cmd.Dir = root
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		return strings.Fields(string(out))
	}
	const each = `{{range .}}{{.}} {{end}}`
	imports := list(`{{with .Imports}}`+each+`{{end}}{{with .TestImports}}`+each+`{{end}}{{with .XTestImports}}`+each+`{{end}}`, "./...")
	slices.Sort(imports)
	var outside []string
	for _, path := range slices.Compact(imports) {
		first, _, _ := strings.Cut(path, "/")
		if strings.Contains(first, ".") && !matches(path, []string{module}) {
			outside = append(outside, path)
		}
	}
	modules := list(`{{with .Module}}{{.Path}}{{end}}`, outside...)
	slices.Sort(modules)
	return slices.Compact(modules)
}

// explained gives the modules that a document has a row for.
func explained(document string) []string {
	var modules []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(document, -1) {
		modules = append(modules, m[1])
	}
	slices.Sort(modules)
	return modules
}

// TestDependencies: what we depend on has its reason written down, and nothing
// is written down that we do not depend on.
func TestDependencies(t *testing.T) {
	used, written := dependencies(t), explained(read(t, "docs/dependencies.md"))
	for _, m := range used {
		if !slices.Contains(written, m) {
			t.Errorf("docs/dependencies.md does not say why we need %s", m)
		}
	}
	for _, m := range written {
		if !slices.Contains(used, m) {
			t.Errorf("docs/dependencies.md explains %s, which nothing of ours imports", m)
		}
	}
}

func TestDependenciesCanFail(t *testing.T) {
	got := explained("| module | why |\n| --- | --- |\n| `b.org/x` | because |\nsee `c.org/y`\n| `a.org/z` | so |\n")
	if !slices.Equal(got, []string{"a.org/z", "b.org/x"}) {
		t.Errorf("%q", got)
	}
	if used := dependencies(t); !slices.Contains(used, "github.com/spf13/cobra") || slices.Contains(used, "github.com/inconshreveable/mousetrap") {
		t.Errorf("%q", used)
	}
}
