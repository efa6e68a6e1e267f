// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
)

func TestRuntimeName(t *testing.T) {
	for _, name := range []string{"../x", "./x", "x/y", "/usr/bin/../bin/crun", "-x", "..", ".", "a\nb", "/", "/usr/bin/"} {
		_, err := FindRuntime(t.Context(), RuntimeOptions{Name: name, StateDir: t.TempDir()})
		if err == nil || !errors.Is(err, errclass.Usage) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"no-such-runtime", "/no/such/runtime"} {
		_, err := FindRuntime(t.Context(), RuntimeOptions{Name: name, StateDir: t.TempDir()})
		if !errors.Is(err, ErrRuntimeNotFound) || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", name, err)
		}
	}
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := FindRuntime(t.Context(), RuntimeOptions{Name: plain, StateDir: t.TempDir()})
	if !errors.Is(err, ErrRuntimeNotExecutable) || !strings.Contains(err.Error(), plain) {
		t.Errorf("not executable: %v", err)
	}
}

func TestRuntimePlaces(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "sub", "mine")
	if err := os.MkdirAll(filepath.Dir(mine), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mine, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	config := RuntimeConfig{Runtime: "other", Runtimes: map[string][]string{"other": {"/no/such", "relative", mine}}}
	for _, opts := range []RuntimeOptions{
		{Name: mine},
		{Name: "mine", Path: "relative:" + filepath.Dir(mine)},
		{Name: "other", Config: config},
		{Config: config},
	} {
		opts.StateDir = filepath.Join(dir, "state")
		r, err := FindRuntime(t.Context(), opts)
		if err != nil || r.Path != mine {
			t.Errorf("%+v: %+v, %v", opts, r, err)
		}
	}
}

func TestProbe(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("condition root: not root")
	}
	dir := t.TempDir()
	opts := RuntimeOptions{StateDir: filepath.Join(dir, "state"), ScratchDir: filepath.Join(dir, "scratch")}
	if err := os.MkdirAll(filepath.Join(opts.ScratchDir, "tug-probe-1/rootfs"), 0o700); err != nil { // of one that was killed
		t.Fatal(err)
	}
	first, err := FindRuntime(t.Context(), opts)
	if errors.Is(err, ErrRuntimeNotFound) {
		t.Skip("condition crun or runc: neither is installed")
	}
	if err != nil {
		t.Fatal(err)
	}
	again, err := FindRuntime(t.Context(), opts)
	if err != nil || again.Path != first.Path {
		t.Errorf("again: %+v, %v", again, err)
	}
	if left, _ := os.ReadDir(opts.ScratchDir); len(left) != 0 {
		t.Errorf("left in scratch: %v", left)
	}
	if data, err := os.ReadFile(filepath.Join(opts.StateDir, "runtimes")); err != nil || strings.Count(string(data), "\n") != 2 {
		t.Errorf("memory: %q, %v", data, err)
	}
	if err := os.WriteFile(filepath.Join(opts.StateDir, "runtimes"), []byte(probeMagic+"rubbish\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if again, err = FindRuntime(t.Context(), opts); err != nil || again.Path != first.Path {
		t.Errorf("after damage: %+v, %v", again, err)
	}
}

// A runtime is tried once; when it does not work, it is tried again later.
func TestProbeMemory(t *testing.T) {
	good := newFake(t, `run) sleep 0.05 & echo $! >"$pidfile"; wait; exit 0;;`+fakeDelete)
	bad := newFake(t, `run) echo '{"level":"error","msg":"controller missing"}' >"$log"; exit 1;;`+fakeDelete)
	state := t.TempDir()
	works := func(g *runRig) error {
		return openProbeCache(state).works(t.Context(), g.runtime)
	}
	for range 3 {
		if err := works(good); err != nil {
			t.Fatal(err)
		}
		if err := works(bad); err == nil || !strings.Contains(err.Error(), "controller missing") || !strings.HasPrefix(err.Error(), bad.runtime.Path) {
			t.Fatal(err)
		}
	}
	if good.verbs() != "run" || bad.verbs() != "run delete" {
		t.Errorf("verbs: %q, %q", good.verbs(), bad.verbs())
	}
	c := openProbeCache(state)
	for i := range c.results {
		c.results[i].at -= int64(probeAgain/time.Second) + 1
	}
	c.save()
	_ = works(good)
	_ = works(bad)
	if good.verbs() != "run" || bad.verbs() != "run delete run delete" {
		t.Errorf("later: verbs: %q, %q", good.verbs(), bad.verbs())
	}
	later := time.Now().Add(time.Second)
	if err := os.Chtimes(good.runtime.Path, later, later); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Stat(good.runtime.Path, &good.runtime.stat); err != nil {
		t.Fatal(err)
	}
	if err := works(good); err != nil || good.verbs() != "run run" {
		t.Errorf("changed file: %v, verbs %q", err, good.verbs())
	}
}

func TestRuntimeConfig(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	shipped := write("shipped", "# comments\n[engine]\n#runtime = \"crun\"\n[engine.runtimes]\n#x = [\"/x\"]\n[machine]\n")
	first := write("first", "[engine]\nruntime = \"runc\"\nunknown = 1\n[engine.runtimes]\nrunc = [\"/a/runc\"]\ncrun = [\"/a/crun\"]\n")
	second := write("second", "[engine]\n  runtime='crun'\n[engine.runtimes]\n\"crun\" = ['/b/crun', '/c/crun']\n")
	config, err := ReadRuntimeConfig([]string{filepath.Join(dir, "missing"), shipped, first, second})
	if err != nil || config.Runtime != "crun" || !slices.Equal(config.Runtimes["crun"], []string{"/b/crun", "/c/crun"}) || !slices.Equal(config.Runtimes["runc"], []string{"/a/runc"}) {
		t.Errorf("%+v, %v", config, err)
	}
	if config, err = ReadRuntimeConfig([]string{shipped}); err != nil || config.Runtime != "" || len(config.Runtimes) != 0 {
		t.Errorf("shipped: %+v, %v", config, err)
	}
	for name, text := range map[string]string{"syntax": "[engine\nruntime=1", "type": "[engine]\nruntime=1\n", "name": "[engine]\nruntime=\"../x\"\n"} {
		path := write(name, text)
		if _, err := ReadRuntimeConfig([]string{path}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadRuntimeConfig([]string{dir}); err == nil {
		t.Error("a directory is read")
	}
}

func TestRuntimeConfigFiles(t *testing.T) {
	home := t.TempDir()
	env := map[string]string{"HOME": home}
	get := func(key string) string { return env[key] }
	own := filepath.Join(home, ".config/containers/containers.conf")
	if files := RuntimeConfigFiles(get, 1000); files[0] != "/usr/share/containers/containers.conf" || !slices.Contains(files, own) {
		t.Errorf("user: %q", files)
	}
	if files := RuntimeConfigFiles(get, 0); slices.Contains(files, own) {
		t.Errorf("root: %q", files)
	}
	env["CONTAINERS_CONF"], env["CONTAINERS_CONF_OVERRIDE"] = "/one", "/last"
	if files := RuntimeConfigFiles(get, 0); !slices.Equal(files, []string{"/one", "/last"}) {
		t.Errorf("named: %q", files)
	}
}

func FuzzRuntimeConfig(f *testing.F) {
	f.Add([]byte("[engine]\nruntime=\"crun\"\n"))
	f.Add([]byte("[engine.runtimes]\nx = [\"/y\"]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		config := RuntimeConfig{Runtimes: map[string][]string{}}
		if config.merge(data) == nil && config.Runtime != "" && checkRuntimeName(config.Runtime) != nil {
			t.Errorf("runtime %q", config.Runtime)
		}
	})
}
