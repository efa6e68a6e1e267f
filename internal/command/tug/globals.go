// SPDX-License-Identifier: Apache-2.0

package tug

import (
	"fmt"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
)

// A Global is an option that every command takes. Each of them has a value.
type Global struct {
	Name  string
	Value string // what help calls the value
	Usage string
}

// Globals are the options of cli.AddGlobals, here without the flag library; a
// test keeps the two the same.
func Globals() []Global {
	return []Global{
		{"root", "DIR", "Directory of the store"},
		{"runroot", "DIR", "Directory of the state that a reboot ends"},
		{"storage-driver", "NAME", "Storage driver"},
		{"storage-opt", "NAME=VALUE", "Storage driver option; can be repeated"},
		{"log-level", "LEVEL", "Log messages from this level on"},
		{"runtime", "NAME", "OCI runtime, a name or a path"},
		{"error-format", "FORM", "Form of an error on stderr: text or json"},
	}
}

func isGlobal(option string) bool {
	for _, g := range Globals() {
		if option == "--"+g.Name {
			return true
		}
	}
	return false
}

// splitGlobals takes the options off the front of args, each as
// --NAME=VALUE. What is left begins with the verb, or with the option that
// stands for one (--help, --version).
func splitGlobals(args []string) (globals, words []string, err error) {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-h", "--help", "-v", "--version":
			return globals, args, nil
		}
		option, value, joined := strings.Cut(args[0], "=")
		if !isGlobal(option) {
			return globals, nil, errclass.New(errclass.Usage, option, fmt.Errorf("unknown option %s before the verb", option))
		}
		args = args[1:]
		if !joined {
			if len(args) == 0 {
				return globals, nil, errclass.New(errclass.Usage, option, fmt.Errorf("option %s needs a value", option))
			}
			value, args = args[0], args[1:]
		}
		globals = append(globals, option+"="+value)
	}
	return globals, args, nil
}
