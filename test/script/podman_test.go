// SPDX-License-Identifier: Apache-2.0

package script_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/tug-containers/tug/test/scene"
)

// step is a paragraph of a script, and why its outcome may differ.
type step struct {
	text, differs string
}

// steps reads the paragraphs, and leaves out those of comments only.
func steps(t *testing.T, path string) []step {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []step
	for _, paragraph := range strings.Split(string(data), "\n\n") {
		var s step
		var lines []string
		for _, line := range strings.Split(strings.TrimSpace(paragraph), "\n") {
			if why, ok := strings.CutPrefix(line, "# differs: "); ok {
				s.differs = why
			} else if !strings.HasPrefix(line, "#") {
				lines = append(lines, line)
			}
		}
		if s.text = strings.Join(lines, "\n"); s.text != "" {
			all = append(all, s)
		}
	}
	return all
}

// side is one of the two that run the script.
type side struct {
	name, dir string
	env       []string
}

// newSide furnishes a store, in which "podman" is what program says.
func (s *stage) newSide(t *testing.T, name, program string) *side {
	t.Helper()
	dir := t.TempDir()
	runRoot, err := os.MkdirTemp("", "tug-run-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.tidy(t, dir, runRoot) })
	home, err := scene.Furnish(dir, scene.Options{Bin: s.bin, Runtime: "crun", RunRoot: runRoot, Registry: s.registry.Host})
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(home.Dir, "containers.conf")
	text, err := os.ReadFile(config)
	if err == nil {
		// Podman's own limits are more than some hosts allow.
		err = os.WriteFile(config, append(text, "default_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n"...), 0o600)
	}
	if err == nil && program != "" {
		err = os.WriteFile(filepath.Join(home.Dir, "podman"), []byte("#!/bin/sh\nexec "+program+" \"$@\"\n"), 0o755)
	}
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, "work"), 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	env := append(home.Environ(), "IMAGE="+s.registry.Host+"/busybox:latest")
	return &side{name: name, dir: filepath.Join(dir, "work"), env: env}
}

// run runs all steps in one shell. Each leaves out.N, err.N and code.N beside
// the working directory.
func (s *side) run(all []step) error {
	var script strings.Builder
	for i, step := range all {
		fmt.Fprintf(&script, "{ %s\n} >../out.%d 2>../err.%d </dev/null; echo $? >../code.%d\n", step.text, i, i, i)
	}
	cmd := exec.Command("sh")
	cmd.Dir, cmd.Env, cmd.Stdin = s.dir, s.env, strings.NewReader(script.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", s.name, err, out)
	}
	return nil
}

func (s *side) outcome(t *testing.T, i int, n *normalizer) (outcome, stderr string) {
	t.Helper()
	read := func(what string) string {
		data, err := os.ReadFile(filepath.Join(s.dir, "..", fmt.Sprintf("%s.%d", what, i)))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	return n.text(read("out")) + "exit code " + read("code"), read("err")
}

// normalizer makes outputs comparable: IDs become numbers in the order in which
// they are seen, times a word, columns two blanks apart.
type normalizer struct {
	ids                  []string
	hex, time, ago, gaps *regexp.Regexp
}

func newNormalizer() *normalizer {
	return &normalizer{
		hex:  regexp.MustCompile(`\b([0-9a-f]{64}|[0-9a-f]{12})\b`),
		time: regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( ?([+-]\d\d:?\d\d|Z))?( [A-Z]{3,4})?`),
		ago:  regexp.MustCompile(`(Less than a|About an?|\d+) (second|minute|hour)s?( ago)?`),
		gaps: regexp.MustCompile(`  +`),
	}
}

func (n *normalizer) text(s string) string {
	s = n.hex.ReplaceAllStringFunc(s, func(id string) string {
		for i, known := range n.ids {
			if strings.HasPrefix(known, id) || strings.HasPrefix(id, known) {
				return fmt.Sprintf("ID%d.%d", i, len(id))
			}
		}
		n.ids = append(n.ids, id)
		return fmt.Sprintf("ID%d.%d", len(n.ids)-1, len(id))
	})
	s = n.time.ReplaceAllString(s, "TIME")
	s = n.ago.ReplaceAllString(s, "AGO")
	lines := strings.Split(n.gaps.ReplaceAllString(s, "  "), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// TestPodmanScript runs a script of podman's commands with podman and with tug
// in its place.
func TestPodmanScript(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	if _, err := exec.LookPath("podman"); err != nil {
		t.Skip("needs podman")
	}
	if _, err := exec.LookPath("crun"); err != nil {
		t.Skip("needs crun")
	}
	all := steps(t, "testdata/podman.sh")
	page, err := os.ReadFile(filepath.Join(scene.Top, "docs", "podman.md"))
	if err != nil {
		t.Fatal(err)
	}
	listed := strings.Join(strings.Fields(string(page)), " ")
	sides := []*side{theStage.newSide(t, "podman", ""), theStage.newSide(t, "tug", filepath.Join(theStage.bin, "tug"))}
	var wait sync.WaitGroup
	for _, s := range sides {
		wait.Go(func() {
			if err := s.run(all); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if t.Failed() {
		return
	}
	commands := 0
	normal := []*normalizer{newNormalizer(), newNormalizer()}
	for i, step := range all {
		commands += strings.Count(step.text, "podman ")
		want, podmanErr := sides[0].outcome(t, i, normal[0])
		got, tugErr := sides[1].outcome(t, i, normal[1])
		switch {
		case step.differs != "" && got == want:
			t.Errorf("%s\ndiffers no longer: %s", step.text, step.differs)
		case step.differs != "" && !strings.Contains(listed, step.differs):
			t.Errorf("%s\ndocs/podman.md does not say: %s", step.text, step.differs)
		case step.differs == "" && got != want:
			t.Errorf("%s\npodman: %s%stug: %s%s", step.text, want, podmanErr, got, tugErr)
		case strings.Contains(podmanErr, "Error: ") && !strings.Contains(tugErr, "Error: "):
			t.Errorf("%s\npodman says %sand tug %s", step.text, podmanErr, tugErr)
		}
	}
	if commands < 60 {
		t.Errorf("only %d commands", commands)
	}
}
