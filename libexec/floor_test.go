// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestFloors(t *testing.T) {
	for name, versions := range map[string]map[string]bool{
		"runc": {
			"1.1.5+ds1": true, "1.2.9": true, "1.3.0": true, "1.3.5": true, "1.3.6": false, "1.3.10": false, "1.4.0-rc.3": true, "1.4.2": true,
			"1.4.3": false, "1.5.0-rc.2": true, "1.5.0-rc.3": false, "1.5.0": false, "1.6.0-rc.1": false, "2.0.0": false, "1.3.6-1~deb12u1": false,
			"1.0.0-rc93": true, "0.1.1": true, "unknown": false, "": false, "1": false, "1.x.2": false, "1.5.0-rcx": false,
		},
		"crun": {"1.8.1": true, "1.27.9": true, "1.28": false, "1.28.1": false, "1.30.1": false, "2.0": false, "0.17": true, "1.20.0.0.0.1-a4e0": true},
	} {
		low := floors[name]
		for version, want := range versions {
			if got := low.below(version); got != want {
				t.Errorf("%s %q: below: %v", name, version, got)
			}
		}
		for _, version := range low.mended {
			if _, ok := parseVersion(version); !ok {
				t.Errorf("%s %q cannot be read", name, version)
			}
		}
	}
}

// versioned makes a runtime of a name that knows nothing but its version, and
// counts how often it says it.
func versioned(t *testing.T, name, text string) *Runtime {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, fmt.Appendf(nil, "#!/bin/sh\necho x >>%s/asked\n%s\n", dir, text), 0o755); err != nil {
		t.Fatal(err)
	}
	return found(t, file)
}

func found(t *testing.T, file string) *Runtime {
	t.Helper()
	r, err := FindRuntime(t.Context(), RuntimeOptions{Name: file, StateDir: filepath.Join(filepath.Dir(file), "state")})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func asked(r *Runtime) int {
	data, _ := os.ReadFile(filepath.Join(filepath.Dir(r.Path), "asked"))
	return len(data) / 2
}

func TestAdvice(t *testing.T) {
	r := versioned(t, "runc", "echo 'runc version 1.1.5+ds1'; echo 'commit: x'")
	var said []string
	var lock sync.Mutex
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if text := found(t, r.Path).Advice(t.Context()); text != "" {
				lock.Lock()
				defer lock.Unlock()
				said = append(said, text)
			}
		})
	}
	all.Wait()
	if len(said) != 1 || asked(r) != 1 {
		t.Fatalf("said %q, asked %d times", said, asked(r))
	}
	for _, part := range []string{r.Path, "1.1.5+ds1", "CVE-2025-31133", "CVE-2026-41579", "1.4.3", "distribution"} {
		if !strings.Contains(said[0], part) {
			t.Errorf("%q lacks %q", said[0], part)
		}
	}
	later := time.Now().Add(time.Second)
	if err := os.Chtimes(r.Path, later, later); err != nil {
		t.Fatal(err)
	}
	if text := found(t, r.Path).Advice(t.Context()); text == "" {
		t.Error("nothing said of another state of the file")
	}
	if text := found(t, r.Path).Advice(t.Context()); text != "" {
		t.Errorf("said again: %q", text)
	}
}

func TestNoAdvice(t *testing.T) {
	for what, r := range map[string]*Runtime{
		"mended":       versioned(t, "crun", "echo 'crun version 1.28'"),
		"another name": versioned(t, "crun-vm", "echo 'crun version 1.0'"),
		"fails":        versioned(t, "runc", "echo 'runc version 1.0.0'; exit 1"),
		"no version":   versioned(t, "runc", "echo 'Usage: runc'"),
		"not a word":   versioned(t, "runc", "printf 'runc version 1.0.0\\033[31m\\n'"),
		"endless":      versioned(t, "runc", "exec yes | head -c 100000"),
	} {
		if text := r.Advice(t.Context()); text != "" {
			t.Errorf("%s: %q", what, text)
		}
	}
	// Where it cannot be noted that it was said, it is not said each time.
	r := versioned(t, "runc", "echo 'runc version 1.1.5'")
	if err := os.WriteFile(filepath.Dir(r.root), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if text := r.Advice(t.Context()); text != "" || asked(r) != 0 {
		t.Errorf("%q, asked %d times", text, asked(r))
	}
}
