// SPDX-License-Identifier: Apache-2.0

package tug

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
)

const prefix = "tug-"

// Places gives the directories to search: that of the program itself, then
// those of path. A relative entry of PATH is passed over: what a verb means
// must not depend on the working directory.
func Places(self, path string) []string {
	var dirs []string
	seen := map[string]bool{}
	add := func(dir string) {
		if filepath.IsAbs(dir) && !seen[dir] {
			seen[dir] = true
			dirs = append(dirs, dir)
		}
	}
	add(filepath.Dir(self))
	for _, dir := range filepath.SplitList(path) {
		add(dir)
	}
	return dirs
}

// find gives the path of a verb's program.
func (f *Front) find(verb string) (string, error) {
	if isVerb(verb) {
		for _, dir := range f.Dirs {
			path := filepath.Join(dir, prefix+verb)
			if info, err := os.Stat(path); err == nil && isProgram(info) {
				return path, nil
			}
		}
	}
	message := fmt.Sprintf("unknown verb %q", verb)
	if close := f.suggest(verb); close != "" {
		message += fmt.Sprintf(": did you mean %q?", close)
	} else if isOurs(verb) {
		message = fmt.Sprintf("verb %q: program %s%s is neither beside tug nor in PATH", verb, prefix, verb)
	} else {
		message += `: "tug help" lists what there is`
	}
	return "", errclass.New(errclass.Usage, verb, errors.New(message))
}

// isVerb keeps what was typed from being a path or an option.
func isVerb(verb string) bool {
	if verb == "" || verb[0] == '-' {
		return false
	}
	return strings.IndexFunc(verb, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	}) < 0
}

func isProgram(info os.FileInfo) bool {
	return info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

func isOurs(verb string) bool {
	for _, v := range Verbs() {
		if v.Name == verb {
			return true
		}
	}
	return false
}

// A program is what a directory offers for a verb.
type program struct {
	verb, path string
}

// found lists the programs that there are, the first of each name.
func (f *Front) found() []program {
	var programs []program
	seen := map[string]bool{}
	for _, dir := range f.Dirs {
		entries, _ := os.ReadDir(dir) // a missing directory of PATH is nothing to report
		for _, entry := range entries {
			verb, ok := strings.CutPrefix(entry.Name(), prefix)
			if !ok || seen[verb] || !isVerb(verb) {
				continue
			}
			path := filepath.Join(dir, entry.Name())
			if info, err := os.Stat(path); err != nil || !isProgram(info) {
				continue
			}
			seen[verb] = true
			programs = append(programs, program{verb, path})
		}
	}
	return programs
}
