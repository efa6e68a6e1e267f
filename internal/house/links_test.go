// SPDX-License-Identifier: Apache-2.0

package house

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	markdownLink = regexp.MustCompile(`\]\(([^)#: ]+)(?:#[^)]*)?\)`)
	// A path in back quotes that begins with a folder of ours.
	namedFile = regexp.MustCompile("`((?:bench|cmd|docs|examples|internal|libexec|libimage|libstorage|test)/[A-Za-z0-9_./-]+)`")
)

// checkLinks says which files a document speaks of that are not there: links
// are relative to it, names in back quotes to the top.
func checkLinks(file, text string, there func(string) bool) []string {
	var faults []string
	for _, m := range markdownLink.FindAllStringSubmatch(text, -1) {
		if target := path.Join(path.Dir(file), m[1]); !there(target) {
			faults = append(faults, fmt.Sprintf("%s: link to %s, which is not there", file, target))
		}
	}
	for _, m := range namedFile.FindAllStringSubmatch(text, -1) {
		if !strings.Contains(m[1], "VERB") && !strings.Contains(m[1], "verb_topic") && !there(strings.TrimSuffix(m[1], "/")) {
			faults = append(faults, fmt.Sprintf("%s: names %s, which is not there", file, m[1]))
		}
	}
	return faults
}

func TestLinks(t *testing.T) {
	all := files(t)
	there := func(name string) bool {
		return slices.ContainsFunc(all, func(file string) bool { return file == name || strings.HasPrefix(file, name+"/") })
	}
	checked := 0
	for _, file := range all {
		if !strings.HasSuffix(file, ".md") {
			continue
		}
		checked++
		for _, fault := range checkLinks(file, read(t, file), there) {
			t.Error(fault)
		}
	}
	if checked < 10 {
		t.Errorf("only %d documents", checked)
	}
}

func TestLinksCanFail(t *testing.T) {
	there := func(name string) bool { return name == "docs/a.md" || name == "cmd/x" }
	good := "[a](a.md), [again](a.md#part), [far](https://example.org/x), `cmd/x`, `cmd/x/`, `cmd/VERB`, `elsewhere/y`"
	if faults := checkLinks("docs/b.md", good, there); len(faults) > 0 {
		t.Errorf("%q", faults)
	}
	if faults := checkLinks("docs/b.md", "[b](c.md) [c](../a.md) `cmd/y`", there); len(faults) != 3 {
		t.Errorf("%q", faults)
	}
}
