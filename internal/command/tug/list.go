// SPDX-License-Identifier: Apache-2.0

package tug

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
)

// list prints what tug can do here: only programs that are there.
func (f *Front) list(w io.Writer) {
	var b strings.Builder
	b.WriteString("usage: tug [OPTION]... VERB [ARGUMENT]...\n\nVerbs:\n")
	var foreign []program
	lines := map[string]string{}
	for _, v := range builtin() {
		lines[v.Name] = v.Summary
	}
	known := map[string]Verb{}
	for _, v := range Verbs() {
		known[v.Name] = v
	}
	for _, p := range f.found() {
		switch v, ok := known[p.verb]; {
		case !ok:
			foreign = append(foreign, p)
		case !v.Inner:
			lines[v.Name] = v.Summary
		}
	}
	names := make([]string, 0, len(lines))
	for name := range lines {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(&b, "  %-14s %s\n", name, lines[name])
	}
	if len(foreign) > 0 {
		b.WriteString("\nOther programs called tug-VERB:\n")
		for _, p := range foreign {
			fmt.Fprintf(&b, "  %-14s %s\n", p.verb, printable(p.path))
		}
	}
	b.WriteString("\nOptions, before or after the verb:\n")
	for _, g := range Globals() {
		fmt.Fprintf(&b, "  %-27s %s\n", "--"+g.Name+" "+g.Value, g.Usage)
	}
	b.WriteString("\n\"tug help VERB\" tells more of a verb, \"tug --version\" the version.\n")
	io.WriteString(w, b.String())
}

// help shows the manual page that was installed with tug, else the program's
// own --help.
func (f *Front) help(words []string) error {
	target, _, rest, err := respell(words[0], nil, words[1:])
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return errclass.New(errclass.Usage, rest[0], fmt.Errorf("help takes one verb, not also %q", rest[0]))
	}
	verb := target[0]
	for _, v := range builtin() {
		if v.Name == verb {
			f.list(f.Stdout)
			return nil
		}
	}
	path, err := f.find(verb)
	if err != nil {
		return err
	}
	page := filepath.Join(filepath.Dir(path), "..", "share", "man", "man1", prefix+verb+".1")
	if man := f.man(); man != "" {
		if info, err := os.Stat(page); err == nil && info.Mode().IsRegular() {
			return f.Exec(man, []string{"man", page}, f.Env)
		}
	}
	return f.exec(verb, []string{"--help"})
}

func (f *Front) man() string {
	for _, dir := range f.Dirs {
		path := filepath.Join(dir, "man")
		if info, err := os.Stat(path); err == nil && isProgram(info) {
			return path
		}
	}
	return ""
}

// printable shows what a terminal would act upon as escapes.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
		} else {
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}
