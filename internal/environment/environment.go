// SPDX-License-Identifier: Apache-2.0

// Package environment reads the variables that a command is given for a process
// in a container: options --env, NAME=VALUE, NAME or PREFIX*, and files of them.
package environment

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
)

const maxFile = 4 << 20

// Read gives the variables of --env-file and --env, in this order, so that the
// latter win. ours is our own environment, which they may refer to.
func Read(files, entries []string, ours func() []string) ([]string, error) {
	var env []string
	for _, name := range files {
		more, err := readFile(name, ours)
		if err != nil {
			return nil, errclass.New(errclass.Usage, name, fmt.Errorf("env file %w", err))
		}
		env = append(env, more...)
	}
	for _, entry := range entries {
		more, err := expand(entry, ours)
		if err != nil {
			return nil, errclass.New(errclass.Usage, "--env", err)
		}
		env = append(env, more...)
	}
	return env, nil
}

func readFile(name string, ours func() []string) ([]string, error) {
	file, err := os.Open(name)
	if err != nil {
		var at *os.PathError
		if errors.As(err, &at) {
			err = at.Err
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: more than %d bytes", name, maxFile)
	}
	env, err := parseFile(data, ours)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return env, nil
}

// parseFile reads one variable a line, as -e takes it. Lines that begin with
// # and empty ones are left out; values are taken as they are, quotes included.
func parseFile(data []byte, ours func() []string) ([]string, error) {
	var env []string
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	for line := range strings.Lines(string(data)) {
		line = strings.TrimLeft(strings.TrimRight(line, "\r\n"), " \t")
		if line == "" || line[0] == '#' {
			continue
		}
		entries, err := expand(line, ours)
		if err != nil {
			return nil, err
		}
		env = append(env, entries...)
	}
	return env, nil
}

// expand gives the entries that one argument of -e stands for: NAME=VALUE is
// itself; NAME is our own variable, if there is one; and PREFIX* all of ours
// that begin so.
func expand(entry string, ours func() []string) ([]string, error) {
	name, _, hasValue := strings.Cut(entry, "=")
	if name == "" || strings.ContainsAny(name, " \t\n\x00") || strings.IndexByte(entry, 0) >= 0 {
		return nil, fmt.Errorf("environment variable %q: not NAME=VALUE", entry)
	}
	if hasValue {
		if strings.Contains(name, "*") {
			return nil, fmt.Errorf("environment variable %q: a name has no *", entry)
		}
		return []string{entry}, nil
	}
	prefix, all := strings.CutSuffix(name, "*")
	if strings.Contains(prefix, "*") {
		return nil, fmt.Errorf("environment variable %q: * may only be the last character", entry)
	}
	var found []string
	for _, variable := range ours() {
		its, _, valid := strings.Cut(variable, "=")
		if valid && its != "" && !strings.Contains(its, "*") && (its == name || all && strings.HasPrefix(its, prefix)) {
			found = append(found, variable)
		}
	}
	return found, nil
}
