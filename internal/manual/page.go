// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Rewrite gives a page with the generated parts made anew. dropped names
// options, and commands, that the page explained and the command does not have.
func Rewrite(page string, cmd *cobra.Command) (rewritten string, dropped []string, err error) {
	own, global := options(cmd)
	for _, part := range []struct {
		section  string
		options  []option
		commands []*cobra.Command
	}{{"OPTIONS", own, visible(cmd)}, {"GLOBAL OPTIONS", global, nil}} {
		before, body, after, ok := cutSection(page, part.section)
		if !ok {
			return "", nil, fmt.Errorf("no section # %s", part.section)
		}
		parts := splitCommands(body)
		body, gone := rewriteOptions(parts[0].body, part.options)
		dropped = append(dropped, gone...)
		body, gone, err = rewriteCommands(body, parts[1:], part.commands)
		if err != nil {
			return "", nil, err
		}
		dropped = append(dropped, gone...)
		page = before + body + after
	}
	return page, dropped, nil
}

// visible are the commands of a program that are for people.
func visible(cmd *cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(cmd.Commands(), func(sub *cobra.Command) bool { return sub.Hidden })
}

// A commandPart is what a page says under ## NAME, in the section OPTIONS. The
// first one has no name: it is about the program itself.
type commandPart struct {
	name, body string
}

func splitCommands(body string) []commandPart {
	pieces := strings.Split("\n"+body, "\n## ")
	parts := []commandPart{{body: pieces[0]}}
	for _, piece := range pieces[1:] {
		name, text, _ := strings.Cut(piece, "\n")
		parts = append(parts, commandPart{name, text})
	}
	return parts
}

// rewriteCommands writes a part for each command that a program has. What such a
// part says beside the options is written by hand, so a missing one is an error.
func rewriteCommands(body string, parts []commandPart, commands []*cobra.Command) (string, []string, error) {
	var dropped []string
	byName := map[string]string{}
	for _, part := range parts {
		byName[part.name] = part.body
	}
	for _, cmd := range commands {
		text, ok := byName[cmd.Name()]
		if !ok {
			return "", nil, fmt.Errorf("no part ## %s in the section OPTIONS", cmd.Name())
		}
		delete(byName, cmd.Name())
		own, _ := options(cmd)
		own = slices.DeleteFunc(own, func(o option) bool { return o.name == "help" }) // the program's
		text, gone := rewriteOptions(text, own)
		for _, name := range gone {
			dropped = append(dropped, cmd.Name()+" --"+name)
		}
		body += "## " + cmd.Name() + "\n\n" + text
	}
	return body, append(dropped, slices.Sorted(maps.Keys(byName))...), nil
}

// rewriteOptions writes the part of a page that is about the options of one
// command.
func rewriteOptions(body string, options []option) (string, []string) {
	intro, blocks := splitBlocks(body)
	var b strings.Builder
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
	return b.String(), slices.Sorted(maps.Keys(blocks))
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
