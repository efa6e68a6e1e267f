// SPDX-License-Identifier: Apache-2.0

package script_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/registry"
	"github.com/tug-containers/tug/test/scene"
)

// stage is what all stories share.
type stage struct {
	bin, layout, cache string
	registry           *registry.Registry
	debian             debianOnce
}

var theStage *stage

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	s, clean, err := build()
	defer clean()
	if err != nil {
		fmt.Fprintln(os.Stderr, "script:", err)
		return 1
	}
	theStage = s
	return m.Run()
}

// build makes the binaries, unless TUG_BIN says where they are, and starts
// the shared registry.
func build() (*stage, func(), error) {
	// Directories of stories are on disk: an overlay on tmpfs is no test.
	if err := os.Setenv("TMPDIR", "/var/tmp"); err != nil {
		return nil, func() {}, err
	}
	cache, err := filepath.Abs(filepath.Join(scene.Top, "build", "images"))
	if err != nil {
		return nil, func() {}, err
	}
	bin, clean, err := scene.Binaries()
	if err != nil {
		return nil, clean, err
	}
	s := &stage{cache: cache, bin: bin}
	stock, err := images.Stock()
	if err != nil {
		return nil, clean, err
	}
	if s.registry, err = registry.Start(context.Background(), registry.Options{}); err != nil {
		return nil, clean, err
	}
	scratch, err := os.MkdirTemp("", "tug-script-")
	if err == nil {
		// testscript's own place: it leaves it when not all stories are told.
		err = os.Setenv("GOTMPDIR", scratch)
	}
	s.layout = filepath.Join(scratch, "layout")
	unlink := clean
	clean = func() {
		unlink()
		os.RemoveAll(scratch)
		if err := s.registry.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "script:", err)
		}
	}
	for name, image := range stock {
		if err == nil {
			err = s.registry.Upload(image, name)
		}
		if err == nil {
			err = image.WriteLayout(s.layout, dashed(name))
		}
	}
	return s, clean, err
}

// TestStories tells every story with crun, and those that start processes with runc too.
func TestStories(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	all, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var runs []string
	for _, verb := range []string{"exec", "kill", "pause", "rm", "run", "stop", "wait"} {
		files, err := filepath.Glob("testdata/" + verb + "_*.txtar")
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, files...)
	}
	for runtime, files := range map[string][]string{"crun": all, "runc": runs} {
		t.Run(runtime, func(t *testing.T) {
			if _, err := exec.LookPath(runtime); err != nil {
				t.Skip("needs ", runtime)
			}
			testscript.Run(t, testscript.Params{
				Files:              files,
				WorkdirRoot:        t.TempDir(),
				Setup:              func(env *testscript.Env) error { return theStage.furnish(t, env, runtime) },
				Cmds:               theStage.commands(),
				RequireUniqueNames: true,
			})
		})
	}
}
