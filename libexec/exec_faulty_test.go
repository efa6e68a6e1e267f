// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tug-containers/tug/internal/proc"
)

// fakeExec enters a "container" that is this very process, by a faulty runtime.
func fakeExec(t *testing.T, cases string, detach bool) (*runRig, Exit, error) {
	t.Helper()
	g := newFake(t, cases)
	if err := os.WriteFile(filepath.Join(g.c.Bundle, "config.json"), []byte(`{"process":{"cwd":"/","env":["PATH=/bin"]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := g.runtime.makeRoot(); err != nil {
		t.Fatal(err)
	}
	self, err := FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	exit, err := g.runtime.Exec(t.Context(), g.c, ExecOptions{
		Init: self, Process: ExecProcess{Args: []string{"/bin/sh"}}, Detach: detach, StartTimeout: 200 * time.Millisecond,
	})
	return g, exit, err
}

func TestFaultyRuntimeInExec(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	for name, test := range map[string]struct{ cases, want string }{
		"exits 0 doing nothing": {`exec) exit 0;;`, "exec: exit status 0, but the container was not started"},
		"exits 3 in silence":    {`exec) exit 3;;`, "exec: exit status 3, and no message"},
		"crashes":               {`exec) kill -SEGV $$;;`, "exec: ended by signal 11 (segmentation fault)"},
		"logs an error":         {`exec) echo '{"level":"error","msg":"no idea"}' >"$log"; exit 1;;`, "exec: no idea"},
		"hangs":                 {`exec) trap '' TERM; sleep 61 & sleep 63;;`, "exec: runtime did not answer in time"},
		"crashes after the start": {
			`exec) sleep 60 & echo $! >"$(dirname "$log")/pid"; echo $! >"$(dirname "$root")/child"; kill -9 $$;;`,
			"exec: ended by signal 9 (killed)"},
	} {
		for _, detach := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				g, exit, err := fakeExec(t, test.cases, detach)
				if exit.Started || !errors.Is(err, ErrRuntimeFailed) || !strings.Contains(err.Error(), g.runtime.Path+" "+test.want) {
					t.Errorf("%+v, %v", exit, err)
				}
				if left, _ := filepath.Glob(filepath.Join(g.c.Bundle, "exec-*")); len(left) > 0 {
					t.Errorf("left: %q", left)
				}
				if g.verbs() != "exec" {
					t.Errorf("verbs: %s", g.verbs())
				}
				if pid := proc.PidFile(filepath.Join(filepath.Dir(g.runtime.root), "child")); pid != 0 {
					eventually(t, time.Minute, "its process is dead", func() bool {
						state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
						return err != nil || strings.Contains(string(state), ") Z ")
					})
				}
			})
		}
	}
}
