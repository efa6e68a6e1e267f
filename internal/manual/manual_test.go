// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/tug"
)

const pages = "../../docs/man"

func readPage(t *testing.T, name string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(pages, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// TestPagesOfPrograms compares the pages there are with the programs there
// are, those with the folders of cmd, and those with the list in tug.
func TestPagesOfPrograms(t *testing.T) {
	want := []string{"tug.1.md"}
	for _, verb := range Verbs() {
		want = append(want, "tug-"+verb+".1.md")
	}
	paths, err := filepath.Glob(filepath.Join(pages, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, path := range paths {
		got = append(got, filepath.Base(path))
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("pages: %q\nprograms: %q", got, want)
	}

	entries, err := os.ReadDir("../../cmd")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, entry := range entries {
		if name := entry.Name(); name != "tug" && name != "family" && name != "monitor" && name != "dns" {
			folders = append(folders, name)
		}
	}
	if !slices.Equal(folders, Verbs()) {
		t.Errorf("cmd has %q\npages are for %q", folders, Verbs())
	}
	var listed []string
	for _, verb := range tug.Verbs() {
		listed = append(listed, verb.Name)
	}
	if !slices.Equal(listed, Verbs()) {
		t.Errorf("tug lists %q\npages are for %q", listed, Verbs())
	}
}

// TestPagesInStep fails for a flag without its lines on the page, for lines
// without a flag, and for lines that say something else than --help.
func TestPagesInStep(t *testing.T) {
	for verb, cmd := range Commands() {
		page := readPage(t, "tug-"+verb+".1.md")
		rewritten, dropped, err := Rewrite(page, cmd)
		if err != nil {
			t.Errorf("tug-%s: %v", verb, err)
			continue
		}
		if rewritten != page || len(dropped) > 0 {
			t.Errorf("tug-%s: the page is not what the flags say (also gone: %q): go run ./internal/manual/make options", verb, dropped)
		}
	}
}

var (
	headingFlag = regexp.MustCompile(`(?m)^#### .*\*\*--([a-z0-9.-]+)\*\*`)
	helpFlag    = regexp.MustCompile(`(?m)^ +(?:-[a-zA-Z], )?--([a-z0-9.-]+)`)
)

// TestHelpAndPageAgree runs --help and compares the flags that it prints.
func TestHelpAndPageAgree(t *testing.T) {
	for verb, cmd := range Commands() {
		var help strings.Builder
		if code := cli.Run(t.Context(), cmd, []string{"--help"}, &help, &help); code != 0 {
			t.Errorf("tug-%s --help: exit code %d", verb, code)
		}
		parts := splitCommands(readPage(t, "tug-"+verb+".1.md"))
		last := &parts[len(parts)-1]
		_, globals, found := strings.Cut(last.body, "\n# GLOBAL OPTIONS\n")
		if !found {
			t.Fatalf("tug-%s: no section # GLOBAL OPTIONS", verb)
		}
		if len(parts) > 1 {
			parts[0].body += globals
			last.body = strings.TrimSuffix(last.body, globals)
		}
		onPage := firsts(headingFlag.FindAllStringSubmatch(parts[0].body, -1))
		inHelp := firsts(helpFlag.FindAllStringSubmatch(help.String(), -1))
		if !slices.Equal(onPage, inHelp) {
			t.Errorf("tug-%s: on the page %q\nin --help %q", verb, onPage, inHelp)
		}
		for _, part := range parts[1:] {
			compareCommand(t, verb, part, onPage)
		}
	}
}

// compareCommand does it for a command of a program, which has the global options
// and --help beside its own.
func compareCommand(t *testing.T, verb string, part commandPart, shared []string) {
	t.Helper()
	var help strings.Builder
	if code := cli.Run(t.Context(), Commands()[verb], []string{part.name, "--help"}, &help, &help); code != 0 {
		t.Errorf("tug-%s %s --help: exit code %d", verb, part.name, code)
	}
	if !strings.HasPrefix(strings.TrimSpace(part.body), strings.SplitN(help.String(), "\n", 2)[0]+".") {
		t.Errorf("tug-%s %s: the page does not begin as --help does", verb, part.name)
	}
	onPage := firsts(headingFlag.FindAllStringSubmatch(part.body, -1))
	onPage = append(onPage, shared...)
	slices.Sort(onPage)
	if inHelp := firsts(helpFlag.FindAllStringSubmatch(help.String(), -1)); !slices.Equal(onPage, inHelp) {
		t.Errorf("tug-%s %s: on the page %q\nin --help %q", verb, part.name, onPage, inHelp)
	}
}

func firsts(matches [][]string) []string {
	var found []string
	for _, m := range matches {
		found = append(found, m[1])
	}
	slices.Sort(found)
	return found
}

func TestNames(t *testing.T) {
	summaries := map[string]string{}
	for _, verb := range tug.Verbs() {
		summaries[verb.Name] = verb.Summary
	}
	for verb, cmd := range Commands() {
		if cmd.Short != summaries[verb] {
			t.Errorf("tug-%s: --help says %q, \"tug help\" says %q", verb, cmd.Short, summaries[verb])
		}
		if name, _, _ := strings.Cut(cmd.Use, " "); name != "tug-"+verb {
			t.Errorf("tug-%s calls itself %q", verb, name)
		}
		lower := strings.ToLower(cmd.Short[:1]) + cmd.Short[1:]
		if line := "\n# NAME\n\ntug-" + verb + " - " + lower + "\n"; !strings.Contains(readPage(t, "tug-"+verb+".1.md"), line) {
			t.Errorf("tug-%s: the page does not begin with %q", verb, line)
		}
	}
}

// TestSynopsis compares the first line of the synopsis with that of --help.
func TestSynopsis(t *testing.T) {
	plain := strings.NewReplacer("**", "", "*", "")
	for verb, cmd := range Commands() {
		_, synopsis, _, ok := cutSection(readPage(t, "tug-"+verb+".1.md"), "SYNOPSIS")
		line, _, _ := strings.Cut(strings.TrimSpace(synopsis), "\n")
		want := strings.Replace(cmd.Use, "tug-", "tug ", 1)
		if !ok || plain.Replace(line) != want {
			t.Errorf("tug-%s: the synopsis is %q, --help says %q", verb, plain.Replace(line), want)
		}
		if !cmd.HasSubCommands() {
			continue
		}
		want = "tug " + verb + "\n"
		for _, sub := range visible(cmd) {
			want += "tug " + verb + " " + sub.Use + "\n"
		}
		_, synopsis, _ = strings.Cut(synopsis, "\n\n**")
		got := strings.ReplaceAll(strings.TrimSpace(plain.Replace("**"+synopsis)), "\n\n", "\n")
		if got = "tug " + verb + "\n" + got + "\n"; got != want {
			t.Errorf("tug-%s: the synopsis has\n%sand --help\n%s", verb, got, want)
		}
	}
}

// TestSections keeps the order that readers of manual pages expect.
func TestSections(t *testing.T) {
	heading := regexp.MustCompile(`(?m)^# (.*)$`)
	want := []string{"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "GLOBAL OPTIONS", "EXIT STATUS", "FILES", "EXAMPLES", "SEE ALSO"}
	for _, verb := range Verbs() {
		page := readPage(t, "tug-"+verb+".1.md")
		var got []string
		for _, m := range heading.FindAllStringSubmatch(page, -1) {
			if slices.Contains(want, m[1]) {
				got = append(got, m[1])
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("tug-%s: sections %q\nwant %q", verb, got, want)
		}
		if !strings.HasPrefix(page, "% tug-"+verb+" 1\n\n") {
			t.Errorf("tug-%s: the title line is missing", verb)
		}
	}
}

// TestExamplesParse hands every example of the pages to the parser of flags.
func TestExamplesParse(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(pages, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile(`(?m)^    [$#] (?:.*[|&] )?tug (.*)$`)
	found := 0
	for _, path := range paths {
		for _, m := range example.FindAllStringSubmatch(readPage(t, filepath.Base(path)), -1) {
			found++
			if fault := checkExample(m[1]); fault != "" {
				t.Errorf("%s: tug %s: %s", filepath.Base(path), m[1], fault)
			}
		}
	}
	if found < len(paths)-1 {
		t.Errorf("only %d examples on %d pages", found, len(paths))
	}
}

// checkExample says what is wrong with the words after "tug".
func checkExample(line string) string {
	line, _, _ = strings.Cut(line, " |")
	words := strings.Fields(line)
	for len(words) > 1 && strings.HasPrefix(words[0], "--") {
		if !strings.Contains(words[0], "=") {
			words = words[1:]
		}
		words = words[1:]
	}
	switch {
	case len(words) == 0:
		return "no verb"
	case slices.Contains([]string{"help", "completion", "image", "container", "--version", "--help"}, words[0]):
		return ""
	}
	cmd := Commands()[words[0]]
	if cmd == nil {
		return "no such verb"
	}
	if cmd.HasSubCommands() {
		sub, _, err := cmd.Find(words[1:])
		if err != nil || sub == cmd {
			return "no such command"
		}
		cmd, words = sub, words[1:]
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.AddFlagSet(cmd.Flags())
	flags.AddFlagSet(cmd.PersistentFlags())
	if words[0] == "run" || words[0] == "create" || words[0] == "exec" {
		flags.SetInterspersed(false)
	}
	if err := flags.Parse(words[1:]); err != nil {
		return err.Error()
	}
	return ""
}

// TestGlobals compares the options that tug takes before the verb with those
// that every command takes after it.
func TestGlobals(t *testing.T) {
	cmd := &cobra.Command{}
	cli.AddGlobals(cmd)
	var taken []string
	cmd.PersistentFlags().VisitAll(func(flag *pflag.Flag) {
		taken = append(taken, flag.Name)
		if flag.Value.Type() == "bool" {
			t.Errorf("--%s is a switch: tug takes every option before the verb to have a value", flag.Name)
		}
	})
	var known []string
	for _, g := range tug.Globals() {
		known = append(known, g.Name)
	}
	slices.Sort(known)
	if !slices.Equal(known, taken) {
		t.Errorf("tug takes %q\nthe commands take %q", known, taken)
	}
	for verb, cmd := range Commands() {
		for _, name := range taken {
			if cmd.PersistentFlags().Lookup(name) == nil && cmd.Flags().Lookup(name) == nil {
				t.Errorf("tug-%s does not take --%s", verb, name)
			}
		}
	}
	page := readPage(t, "tug.1.md")
	for _, name := range taken {
		if !strings.Contains(page, "**--"+name+"**=") {
			t.Errorf("tug.1.md does not explain --%s", name)
		}
	}
}

// TestTwins compares tug-inspect with the program that it becomes: each must
// parse what the other one does.
func TestTwins(t *testing.T) {
	commands := Commands()
	for _, pair := range [][2]string{{"inspect", "inspect-remote"}, {"inspect-remote", "inspect"}} {
		own, _ := options(commands[pair[0]])
		for _, o := range own {
			flag := commands[pair[0]].Flags().Lookup(o.name)
			twin := commands[pair[1]].Flags().Lookup(o.name)
			switch {
			case o.name == "help":
			case pair[0] == "inspect" && (o.name == "latest" || o.name == "size"): // of containers
			case twin == nil:
				t.Errorf("tug-%s has --%s, tug-%s has not", pair[0], o.name, pair[1])
			case twin.Shorthand != flag.Shorthand || (twin.NoOptDefVal == "") != (flag.NoOptDefVal == ""):
				t.Errorf("--%s of tug-%s and tug-%s are parsed differently", o.name, pair[0], pair[1])
			}
		}
	}
}

// TestCheckCanFail shows each comparison something that is out of step.
func TestCheckCanFail(t *testing.T) {
	cmd := &cobra.Command{Use: "tug-x"}
	cmd.Flags().String("colour", "red", "Which `HUE` to take")
	cmd.Flags().BoolP("quiet", "q", false, "Say nothing")
	const good = "% tug-x 1\n\n# OPTIONS\n\nAn introduction.\n\n#### **--colour**=*HUE*\n\nWhich HUE to take (default: red).\n\nMore by hand.\n\nAnd more.\n\n" +
		"#### **-q**, **--quiet**\n\nSay nothing.\n\n# GLOBAL OPTIONS\n\n# FILES\n\n#### not an option\n"
	for _, test := range []struct {
		name, page string
		same       bool
		dropped    []string
	}{
		{"in step", good, true, nil},
		{"flag without lines", strings.Replace(good, "#### **-q**, **--quiet**\n\nSay nothing.\n\n", "", 1), false, nil},
		{"other text", strings.Replace(good, "Say nothing", "Say little", 1), false, nil},
		{"other default", strings.Replace(good, "red", "blue", 1), false, nil},
		{"other shorthand", strings.Replace(good, "-q", "-Q", 1), false, nil},
		{"lines without a flag", strings.Replace(good, "# GLOBAL", "#### **--gone**\n\nWas here.\n\n# GLOBAL", 1), false, []string{"gone"}},
	} {
		rewritten, dropped, err := Rewrite(test.page, cmd)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if (rewritten == test.page) != test.same || !slices.Equal(dropped, test.dropped) {
			t.Errorf("%s: dropped %q, rewritten:\n%s", test.name, dropped, rewritten)
		}
		if again, _, _ := Rewrite(rewritten, cmd); again != rewritten {
			t.Errorf("%s: a second rewriting changes the page again", test.name)
		}
		if !test.same && rewritten != good && test.name != "other text" && !strings.Contains(rewritten, "More by hand.\n\nAnd more.") {
			t.Errorf("%s: what was written by hand is lost", test.name)
		}
	}
	if _, _, err := Rewrite("% x 1\n\n# OPTIONS\n", cmd); err == nil {
		t.Error("a page without GLOBAL OPTIONS is accepted")
	}
	sub := &cobra.Command{Use: "do THIS", Run: func(*cobra.Command, []string) {}}
	sub.Flags().Bool("soon", false, "Do it soon")
	cmd.AddCommand(sub)
	if _, _, err := Rewrite(good, cmd); err == nil {
		t.Error("a page without a part for a command is accepted")
	}
	with := strings.Replace(good, "# GLOBAL", "## do\n\nDoes this.\n\n#### **--soon**\n\nDo it soon.\n\n# GLOBAL", 1)
	if same, dropped, err := Rewrite(with, cmd); same != with || len(dropped) > 0 || err != nil {
		t.Errorf("a page with commands: dropped %q, %v:\n%s", dropped, err, same)
	}
	more := strings.Replace(with, "# GLOBAL", "#### **--late**\n\nLate.\n\n## undo\n\n# GLOBAL", 1)
	if same, dropped, err := Rewrite(more, cmd); same != with || !slices.Equal(dropped, []string{"do --late", "undo"}) || err != nil {
		t.Errorf("a page with more than there is: dropped %q, %v:\n%s", dropped, err, same)
	}
	for line, fault := range map[string]bool{
		"version": false, "--root /x version": false, "--root=/x version --log-level debug": false, "version | cat -A": false,
		"volume ls -q": false, "volume rm -q": true, "volume frob": true, "volume": true, "version --frob": true, "frob": true, "version --root": true,
	} {
		if got := checkExample(line); (got != "") != fault {
			t.Errorf("example tug %s: %q", line, got)
		}
	}
}
