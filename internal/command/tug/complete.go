// SPDX-License-Identifier: Apache-2.0

package tug

import (
	"embed"
	"fmt"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
)

// completeVerb is the hidden first argument that asks for completions: the
// words typed so far follow, the last of them unfinished, perhaps empty. The
// answer is one candidate on a line, a tab, its description, and at the end a
// colon and a number. It is the protocol that cobra speaks, so that each
// program answers for its own flags and names.
const completeVerb = "__complete"

// The numbers of that protocol that tug uses itself.
const (
	completeFiles   = 0
	completeNoFiles = 4
	completeDirs    = 16
)

//go:embed completion
var scripts embed.FS

func shells() []string { return []string{"bash", "fish", "zsh"} }

// completion prints the script for one shell.
func (f *Front) completion(words []string) error {
	if len(words) != 1 {
		return errclass.New(errclass.Usage, "", fmt.Errorf("completion takes one of %s", strings.Join(shells(), ", ")))
	}
	for _, shell := range shells() {
		if shell != words[0] {
			continue
		}
		script, err := scripts.ReadFile("completion/" + shell)
		if err != nil {
			return fmt.Errorf("internal error: %w", err)
		}
		var programs []string
		for _, v := range Verbs() {
			if !v.Inner {
				programs = append(programs, prefix+v.Name)
			}
		}
		_, err = fmt.Fprint(f.Stdout, strings.ReplaceAll(string(script), "@PROGRAMS@", strings.Join(programs, " ")))
		return err
	}
	return errclass.New(errclass.Usage, words[0], fmt.Errorf("no completion for shell %q: say one of %s", words[0], strings.Join(shells(), ", ")))
}

// complete answers for the front part of a line, and lets the program of the
// verb answer for what follows it.
func (f *Front) complete(words []string) int {
	if len(words) == 0 {
		words = []string{""}
	}
	typed, partial := words[:len(words)-1], words[len(words)-1]
	globals, rest, err := splitGlobals(typed)
	switch {
	case err != nil && len(typed) > 0 && isGlobal(typed[len(typed)-1]):
		f.answerGlobal(typed[len(typed)-1])
		return 0
	case err != nil:
		f.answer(nil, completeNoFiles)
		return 0
	case len(rest) == 0:
		f.answerFront(partial)
		return 0
	}
	verb, rest := rest[0], rest[1:]
	if known := spellings(verb); known != nil && len(rest) == 0 {
		f.answer(starting(partial, sortedKeys(known)), completeNoFiles)
		return 0
	}
	switch verb {
	case "help", "-h", "--help":
		f.answer(f.verbs(partial), completeNoFiles)
	case "completion":
		f.answer(starting(partial, shells()), completeNoFiles)
	default:
		f.delegate(verb, globals, rest, partial)
	}
	return 0
}

// delegate asks the verb's program, but only one of this project: another
// would take the question for work to do.
func (f *Front) delegate(verb string, globals, rest []string, partial string) {
	target, globals, rest, err := respell(verb, globals, rest)
	if err != nil || !isOurs(target[0]) {
		f.answer(nil, completeFiles)
		return
	}
	args := append([]string{completeVerb}, target[1:]...)
	args = append(append(args, globals...), rest...)
	if err := f.exec(target[0], append(args, partial)); err != nil {
		f.answer(nil, completeFiles)
	}
}

func (f *Front) answerFront(partial string) {
	if option, _, joined := strings.Cut(partial, "="); joined {
		f.answerGlobal(option)
		return
	}
	if !strings.HasPrefix(partial, "-") {
		f.answer(f.verbs(partial), completeNoFiles)
		return
	}
	var lines []string
	for _, g := range Globals() {
		lines = append(lines, "--"+g.Name+"\t"+g.Usage)
	}
	lines = append(lines, "--help\tList the verbs", "--version\tShow the version")
	f.answer(starting(partial, lines), completeNoFiles)
}

// answerGlobal completes the value of a global option.
func (f *Front) answerGlobal(option string) {
	switch option {
	case "--root", "--runroot":
		f.answer(nil, completeDirs)
	case "--error-format":
		f.answer([]string{"json", "text"}, completeNoFiles)
	case "--log-level":
		f.answer([]string{"trace", "debug", "info", "warn", "error", "fatal", "panic"}, completeNoFiles)
	case "--runtime":
		f.answer([]string{"crun", "runc"}, completeFiles)
	default:
		f.answer(nil, completeNoFiles)
	}
}

// verbs gives what can stand in the place of the verb.
func (f *Front) verbs(partial string) []string {
	var lines []string
	for _, v := range builtin() {
		lines = append(lines, v.Name+"\t"+v.Summary)
	}
	summaries := map[string]Verb{}
	for _, v := range Verbs() {
		summaries[v.Name] = v
	}
	for _, p := range f.found() {
		if v := summaries[p.verb]; !v.Inner {
			lines = append(lines, p.verb+"\t"+v.Summary)
		}
	}
	for _, group := range groups() {
		lines = append(lines, group+"\tpodman's spelling: "+strings.Join(sortedKeys(spellings(group)), ", "))
	}
	return starting(partial, lines)
}

func starting(partial string, lines []string) []string {
	var kept []string
	for _, line := range lines {
		if strings.HasPrefix(line, partial) {
			kept = append(kept, line)
		}
	}
	return kept
}

func (f *Front) answer(lines []string, directive int) {
	for _, line := range lines {
		fmt.Fprintln(f.Stdout, line)
	}
	fmt.Fprintf(f.Stdout, ":%d\n", directive)
}
