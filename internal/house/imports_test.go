// SPDX-License-Identifier: Apache-2.0

package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sort"
	"strings"
	"testing"
)

// An importRule keeps packages out of what others depend on, directly or not.
type importRule struct {
	// of are the packages that it holds for, each with all below it.
	of []string
	// not are the packages, each with all below it, that must not be reached.
	not    []string
	reason string
	// direct limits the rule to import lines of the packages themselves.
	direct bool
}

var (
	libstorage = module + "/libstorage"
	libimage   = module + "/libimage"
	libexec    = module + "/libexec"

	allLibraries = []string{libstorage, libimage, libexec}

	// The programs that touch containers or only the store on this machine.
	containerPrograms = []string{
		module + "/cmd/run", module + "/cmd/images", module + "/cmd/rmi", module + "/cmd/tag", module + "/cmd/history",
		module + "/cmd/inspect", module + "/cmd/ps", module + "/cmd/logs", module + "/cmd/top", module + "/cmd/port", module + "/cmd/events", module + "/cmd/stats", module + "/cmd/version", module + "/cmd/volume", module + "/cmd/exec", module + "/cmd/healthcheck", module + "/cmd/update", module + "/cmd/exists",
		module + "/cmd/rm", module + "/cmd/stop", module + "/cmd/kill", module + "/cmd/wait", module + "/cmd/pause", module + "/cmd/unpause", module + "/cmd/family/containers",
		module + "/cmd/create", module + "/cmd/start", module + "/cmd/attach", module + "/cmd/cleanup",
		module + "/cmd/restart",
		module + "/cmd/kill", module + "/cmd/wait", module + "/cmd/pause", module + "/cmd/unpause", module + "/cmd/family/containers",
	}
)

var importRules = []importRule{
	{
		of: []string{libstorage}, not: []string{libexec, libimage},
		reason: "libstorage is useful alone: what it shares with the others are OCI's own types",
	},
	{
		of: []string{libexec}, not: []string{libstorage, libimage},
		reason: "libexec is useful alone: it takes a directory and an image configuration, from wherever",
	},
	{
		of: []string{libimage}, not: []string{libexec},
		reason: "a pull ends in a store, so libimage may use libstorage, but it runs nothing",
	},
	{
		of:     allLibraries,
		not:    []string{module + "/cmd", module + "/internal/cli", module + "/internal/command", "github.com/spf13"},
		reason: "a library does not know the command line: who embeds it would link flags, help texts and their start cost",
	},
	{
		of: allLibraries, direct: true,
		not:    []string{"log", "flag", "github.com/sirupsen/logrus"},
		reason: "a library returns errors and calls back: it does not log to a global",
	},
	{
		of:     append([]string{libstorage, libexec, module + "/internal/launch", module + "/internal/cli"}, containerPrograms...),
		not:    []string{"go.podman.io/image", "net/http", "crypto/tls"},
		reason: "what starts a container stays small and quick to start; an image that is missing is pulled by tug-pull",
	},
	{
		of: []string{libstorage}, not: []string{"text/template", "html/template"},
		reason: "templates keep every exported method of a program alive: the linker cannot drop one",
	},
	{
		of: []string{module + "/cmd/monitor"},
		not: []string{
			"github.com/spf13", "github.com/sirupsen", "github.com/opencontainers", "github.com/containerd", "github.com/moby",
			"go.podman.io", "golang.org/x/term", "net", "os/exec", "text/template", "regexp",
		},
		reason: "there is one monitor for each container: it links the standard library and golang.org/x/sys alone",
	},
	{
		of: containerPrograms, not: []string{"github.com/containernetworking/cni", libexec + "/network/cni/plugin"},
		reason: "a plugin is started by tug-network: what starts containers needs no libcni, and no patterns compiled at each start",
	},
	{
		of: []string{module + "/cmd/dns"}, not: []string{
			"github.com/spf13", "github.com/sirupsen", "go.podman.io", "net/http", "os/exec", "text/template", "regexp", libstorage, libimage,
		},
		reason: "the resolver of a network reads what strangers send: it knows names and messages, and nothing else",
	},
	{
		of: []string{module + "/cmd/tug"}, not: []string{"github.com/spf13", "encoding/json", "regexp", "text/template", "net", "os/exec"},
		reason: "tug is started before every command, and then replaces itself",
	},
	{
		of:     []string{module + "/cmd"},
		not:    []string{"testing", "github.com/spf13/cobra/doc", "github.com/cpuguy83", "github.com/rogpeppe/go-internal", module + "/test", module + "/internal/manual"},
		reason: "what tests and manual pages are made with is no part of the product",
	},
	{
		of: []string{module + "/cmd", libstorage, libimage, libexec}, not: []string{"C", "runtime/cgo", "plugin"},
		reason: "the programs are static and pure Go: one file runs on every distribution",
	},
}

// A graph tells of each package what it imports itself, and what it reaches.
type graph map[string]struct{ imports, deps []string }

// matches reports whether path is one of the packages, or below one.
func matches(path string, packages []string) bool {
	for _, p := range packages {
		if path == p || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return false
}

// broken lists where a graph breaks a rule.
func (g graph) broken(rule importRule) []string {
	var faults []string
	for path, p := range g {
		if !matches(path, rule.of) {
			continue
		}
		reached := p.deps
		if rule.direct {
			reached = p.imports
		}
		for _, dep := range reached {
			if matches(dep, rule.not) {
				faults = append(faults, fmt.Sprintf("%s depends on %s (by way of %s): %s", path, dep, g.way(path, dep), rule.reason))
				break
			}
		}
	}
	sort.Strings(faults)
	return faults
}

// way names the first step from a package towards what it reaches.
func (g graph) way(from, to string) string {
	for _, next := range g[from].imports {
		if next == to {
			return "itself"
		}
	}
	for _, next := range g[from].imports {
		for _, dep := range g[next].deps {
			if dep == to {
				return next
			}
		}
	}
	return "?"
}

// load asks go list for all packages of the project and what they reach, with
// the build tags in force.
func load(t *testing.T) graph {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Deps", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	g := graph{}
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p struct {
			ImportPath    string
			Imports, Deps []string
		}
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return g
		}
		if err != nil {
			t.Fatal(err)
		}
		g[p.ImportPath] = struct{ imports, deps []string }{p.Imports, p.Deps}
	}
}

func TestImports(t *testing.T) {
	g := load(t)
	for _, rule := range importRules {
		for _, of := range rule.of {
			held := false
			for path := range g {
				held = held || matches(path, []string{of})
			}
			if !held {
				t.Errorf("no package %s: a rule for it holds nothing", of)
			}
		}
		for _, fault := range g.broken(rule) {
			t.Error(fault)
		}
	}
}

// TestImportRulesCanFail gives every rule a graph that breaks it, once at
// first hand and once through another package.
func TestImportRulesCanFail(t *testing.T) {
	for _, rule := range importRules {
		for _, of := range rule.of {
			for _, not := range rule.not {
				below := not + "/below"
				g := graph{of: {imports: []string{not}, deps: []string{not}}, not: {}}
				if len(g.broken(rule)) != 1 {
					t.Errorf("%s may import %s", of, not)
				}
				if rule.direct {
					continue
				}
				g = graph{
					of + "/x": {imports: []string{"between"}, deps: []string{"between", below}},
					"between": {imports: []string{below}, deps: []string{below}},
					below:     {},
				}
				faults := g.broken(rule)
				if len(faults) != 1 || !strings.Contains(faults[0], "by way of between") {
					t.Errorf("%s may reach %s: %q", of, below, faults)
				}
				g = graph{of: {imports: []string{not + "like"}, deps: []string{not + "like"}}}
				if len(g.broken(rule)) != 0 {
					t.Errorf("%slike is taken for %s", not, not)
				}
			}
		}
	}
}
