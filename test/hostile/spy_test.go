// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// spy is a runtime that reports what it was given, and passes it on to a real
// one. Its report and its file are gone after the case.
type spy struct {
	path, report string
}

func (p *place) spy(t *testing.T, runtime, change string) *spy {
	t.Helper()
	real, err := exec.LookPath(runtime)
	must(t, err)
	dir := t.TempDir()
	s := &spy{path: filepath.Join(dir, "spy"), report: filepath.Join(dir, "report")}
	program, err := os.ReadFile(probe)
	must(t, err)
	must(t, os.WriteFile(s.path, program, 0o755))
	write(t, s.path+".conf", strings.Join([]string{real, s.report, change}, "\n"))
	return s
}

// read gives the lines of the report that begin with a word.
func (s *spy) read(t *testing.T, word string) []string {
	t.Helper()
	text, err := os.ReadFile(s.report)
	must(t, err)
	var list []string
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, word+" "); ok {
			list = append(list, strings.TrimSuffix(rest, "\n"))
		}
	}
	return list
}

// spec gives the last config.json.
func (s *spy) spec(t *testing.T) specs.Spec {
	t.Helper()
	all := s.read(t, "spec")
	var spec specs.Spec
	must(t, json.Unmarshal([]byte(all[len(all)-1]), &spec))
	return spec
}
