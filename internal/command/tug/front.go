// SPDX-License-Identifier: Apache-2.0

package tug

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/version"
)

// Failure is the exit code of any failure of tug itself, as podman's.
const Failure = 125

// Front is one start of tug.
type Front struct {
	// Dirs are searched for programs, in this order.
	Dirs []string
	// Env is handed on unchanged.
	Env            []string
	Stdout, Stderr io.Writer
	// Exec replaces the process; it returns only when it could not.
	Exec func(path string, argv, env []string) error
}

// Run does what args, without the program's own name, ask for. It returns an
// exit code only when the process was not replaced.
func (f *Front) Run(args []string) int {
	if len(args) > 0 && args[0] == completeVerb {
		return f.complete(args[1:])
	}
	globals, words, err := splitGlobals(args)
	if err == nil {
		err = f.dispatch(globals, words)
	}
	if err != nil {
		report(f.Stderr, globals, err)
		return Failure
	}
	return 0
}

func (f *Front) dispatch(globals, words []string) error {
	if len(words) == 0 {
		f.list(f.Stderr)
		return errclass.New(errclass.Usage, "", errors.New("no verb given"))
	}
	verb, rest := words[0], words[1:]
	switch verb {
	case "-h", "--help", "help":
		if len(rest) == 0 {
			f.list(f.Stdout)
			return nil
		}
		return f.help(rest)
	case "-v", "--version":
		_, err := fmt.Fprintf(f.Stdout, "tug version %s\n", version.Version)
		return err
	case "completion":
		return f.completion(rest)
	}
	target, globals, rest, err := respell(verb, globals, rest)
	if err != nil {
		return err
	}
	argv := append(append(target[1:len(target):len(target)], globals...), rest...)
	return f.exec(target[0], argv)
}

// exec becomes the program of a verb.
func (f *Front) exec(verb string, args []string) error {
	path, err := f.find(verb)
	if err != nil {
		return err
	}
	if err := f.Exec(path, append([]string{path}, args...), f.Env); err != nil {
		return errclass.New(errclass.Internal, path, fmt.Errorf("start %s: %w", path, err))
	}
	return nil
}

// report prints the one line that an error gets. Its JSON is written by hand:
// three strings do not need the encoder, and tug starts before every command.
func report(w io.Writer, globals []string, err error) {
	line := "Error: " + printable(err.Error())
	for _, option := range globals {
		if option == "--error-format=json" {
			class, object := errclass.Of(err)
			line = fmt.Sprintf(`{"class":%s,"object":%s,"message":%s}`,
				quoteJSON(string(class)), quoteJSON(object), quoteJSON(err.Error()))
		}
	}
	fmt.Fprintln(w, line)
}

func quoteJSON(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
