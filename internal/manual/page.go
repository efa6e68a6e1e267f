// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Rewrite gives a page with the generated parts made anew. dropped names
// options that the page explained and the command does not have.
func Rewrite(page string, cmd *cobra.Command) (rewritten string, dropped []string, err error) {
	own, global := options(cmd)
	for _, part := range []struct {
		section string
		options []option
	}{{"OPTIONS", own}, {"GLOBAL OPTIONS", global}} {
		var gone []string
		page, gone, err = rewriteSection(page, part.section, part.options)
		if err != nil {
			return "", nil, err
		}
		dropped = append(dropped, gone...)
	}
	return page, dropped, nil
}

func rewriteSection(page, section string, options []option) (string, []string, error) {
	before, body, after, ok := cutSection(page, section)
	if !ok {
		return "", nil, fmt.Errorf("no section # %s", section)
	}
	intro, blocks := splitBlocks(body)
	var b strings.Builder
	b.WriteString(before)
	if intro != "" {
		b.WriteString(intro + "\n\n")
	}
	for _, o := range options {
		fmt.Fprintf(&b, "%s\n\n%s\n\n", o.heading, o.text)
		if more := blocks[o.name]; more != "" {
			b.WriteString(more + "\n\n")
		}
		delete(blocks, o.name)
	}
	b.WriteString(after)
	var dropped []string
	for name := range blocks {
		dropped = append(dropped, name)
	}
	return b.String(), dropped, nil
}

// cutSection splits a page at one section: what comes before the section's
// body, the body, and what follows it, beginning with the next heading.
func cutSection(page, section string) (before, body, after string, ok bool) {
	mark := "\n# " + section + "\n"
	i := strings.Index(page, mark)
	if i < 0 {
		return "", "", "", false
	}
	start := i + len(mark)
	end := len(page)
	if j := strings.Index(page[start:], "\n# "); j >= 0 {
		end = start + j + 1
	}
	return page[:start] + "\n", page[start:end], page[end:], true
}

// splitBlocks reads a section: the text before its first option, and for each
// option the paragraphs that were written by hand.
func splitBlocks(body string) (intro string, blocks map[string]string) {
	blocks = map[string]string{}
	parts := strings.Split("\n"+body, "\n#### ")
	for _, part := range parts[1:] {
		heading, text, _ := strings.Cut(part, "\n")
		_, name, _ := strings.Cut(heading, "**--")
		name, _, _ = strings.Cut(name, "**")
		_, more, _ := strings.Cut(strings.TrimSpace(text), "\n\n")
		blocks[name] = strings.TrimSpace(more)
	}
	return strings.TrimSpace(parts[0]), blocks
}
