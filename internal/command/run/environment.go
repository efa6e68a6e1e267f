// SPDX-License-Identifier: Apache-2.0

package run

import (
	"bytes"
	"io"
	"os"
	"strings"
)

const maxEnvFile = 4 << 20

// environment reads --env-file and --env, in this order, so that the latter
// win.
func (f *flags) environment() ([]string, error) {
	var env []string
	for _, name := range f.envFiles {
		entries, err := f.envFile(name)
		if err != nil {
			return nil, err
		}
		env = append(env, entries...)
	}
	for _, entry := range f.env {
		entries, err := expandEnv(entry, f.environ)
		if err != nil {
			return nil, err
		}
		env = append(env, entries...)
	}
	return env, nil
}

func (f *flags) envFile(name string) ([]string, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, usage(name, "env file: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxEnvFile+1))
	if err != nil {
		return nil, usage(name, "env file: %w", err)
	}
	if len(data) > maxEnvFile {
		return nil, usage(name, "env file %s: more than %d bytes", name, maxEnvFile)
	}
	entries, err := parseEnvFile(data, f.environ)
	if err != nil {
		return nil, usage(name, "env file %s: %w", name, err)
	}
	return entries, nil
}

// parseEnvFile reads one variable a line, as -e takes it. Lines that begin with
// # and empty ones are left out; values are taken as they are, quotes included.
func parseEnvFile(data []byte, environ func() []string) ([]string, error) {
	var env []string
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	for line := range strings.Lines(string(data)) {
		line = strings.TrimLeft(strings.TrimRight(line, "\r\n"), " \t")
		if line == "" || line[0] == '#' {
			continue
		}
		entries, err := expandEnv(line, environ)
		if err != nil {
			return nil, err
		}
		env = append(env, entries...)
	}
	return env, nil
}

// expandEnv gives the entries that one argument of -e stands for: NAME=VALUE is
// itself; NAME is our own variable, if there is one; and PREFIX* all of ours
// that begin so.
func expandEnv(entry string, environ func() []string) ([]string, error) {
	name, _, hasValue := strings.Cut(entry, "=")
	if name == "" || strings.ContainsAny(name, " \t\n\x00") || strings.IndexByte(entry, 0) >= 0 {
		return nil, usage("--env", "environment variable %q: not NAME=VALUE", entry)
	}
	if hasValue {
		if strings.Contains(name, "*") {
			return nil, usage("--env", "environment variable %q: a name has no *", entry)
		}
		return []string{entry}, nil
	}
	prefix, all := strings.CutSuffix(name, "*")
	if strings.Contains(prefix, "*") {
		return nil, usage("--env", "environment variable %q: * may only be the last character", entry)
	}
	var found []string
	for _, ours := range environ() {
		ourName, _, valid := strings.Cut(ours, "=")
		if valid && ourName != "" && !strings.Contains(ourName, "*") && (ourName == name || all && strings.HasPrefix(ourName, prefix)) {
			found = append(found, ours)
		}
	}
	return found, nil
}

// hostEnvironment is our own environment, for --env-host. What was meant for
// us and not for the container is left out: sockets and descriptors that a
// service manager handed over.
func (f *flags) hostEnvironment() []string {
	if !f.envHost {
		return nil
	}
	var env []string
	for _, entry := range f.environ() {
		name, _, valid := strings.Cut(entry, "=")
		switch name {
		case "", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC":
			continue
		}
		if valid && !strings.ContainsAny(name, "*\n") {
			env = append(env, entry)
		}
	}
	return env
}
