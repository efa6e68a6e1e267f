// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// DefaultPath is the PATH of a container whose image sets none.
const DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment is an ordered list of NAME=VALUE in which a name occurs once.
type environment struct {
	entries []string
	index   map[string]int
}

func newEnvironment(size int) *environment {
	return &environment{entries: make([]string, 0, size), index: make(map[string]int, size)}
}

func (e *environment) set(entry string) {
	name, _, _ := strings.Cut(entry, "=")
	if i, there := e.index[name]; there {
		e.entries[i] = entry
		return
	}
	e.index[name] = len(e.entries)
	e.entries = append(e.entries, entry)
}

// without gives the entries but those of the names.
func (e *environment) without(names []string) []string {
	return slices.DeleteFunc(slices.Clone(e.entries), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(names, name)
	})
}

// validEnv reports whether an entry is NAME=VALUE. An entry without "=" is
// never completed from our environment, and "*" is not a pattern.
func validEnv(entry string) bool {
	name, _, found := strings.Cut(entry, "=")
	return found && name != "" && !strings.ContainsAny(name, "*\n") && strings.IndexByte(entry, 0) < 0
}

// buildEnv makes the environment of the container's first process.
func buildEnv(image *v1.ImageConfig, opts *Options, home, hostname string) ([]string, error) {
	for _, entry := range image.Env {
		if !validEnv(entry) {
			return nil, imageError("Env", "image: Env entry %q is not NAME=VALUE", shorten(entry))
		}
	}
	for _, entry := range slices.Concat(opts.HostEnv, opts.Env) {
		if !validEnv(entry) {
			return nil, optionError("environment", "environment: %q is not NAME=VALUE", shorten(entry))
		}
	}
	env := newEnvironment(len(opts.HostEnv) + len(image.Env) + len(opts.Env) + 5)
	if !opts.UnsetEnvAll {
		env.set("PATH=" + DefaultPath)
		env.set("container=oci")
		if opts.Terminal {
			env.set("TERM=xterm")
		}
		env.set("HOME=" + home)
		env.set("HOSTNAME=" + hostname)
		for _, entry := range slices.Concat(opts.HostEnv, image.Env) {
			env.set(entry)
		}
	}
	if len(opts.UnsetEnv) > 0 {
		kept := env.without(opts.UnsetEnv)
		env = newEnvironment(len(kept) + len(opts.Env))
		for _, entry := range kept {
			env.set(entry)
		}
	}
	for _, entry := range opts.Env {
		env.set(entry)
	}
	return env.entries, nil
}

// pathOf gives the PATH by which a command is found.
func pathOf(env []string) string {
	for _, entry := range env {
		if value, found := strings.CutPrefix(entry, "PATH="); found {
			return value
		}
	}
	return DefaultPath
}

// shorten keeps a foreign string in an error to one line's length.
func shorten(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}
