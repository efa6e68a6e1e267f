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
	"golang.org/x/sys/unix"
)

// stage is what all stories share.
type stage struct {
	bin, layout, cache string
	host               string // of the registry
	registry           *registry.Registry
	debian             debianOnce
	user               bool // we are not root: see TestUserStories
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
	if bin := os.Getenv(userBin); bin != "" {
		s := &stage{bin: bin, layout: os.Getenv(userLayout), host: os.Getenv(userRegistry), user: true}
		// The first command says where it notes what runs; that is not for a story.
		out, err := exec.Command(filepath.Join(bin, "tug-ps")).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("tug-ps: %w: %s", err, out)
		}
		return s, func() {}, err
	}
	// Directories of stories are on disk: an overlay on tmpfs is no test.
	if err := os.Setenv("TMPDIR", "/var/tmp"); err != nil {
		return nil, func() {}, err
	}
	if err := scene.SubIDs(); err != nil { // of --userns auto
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
	s.host = s.registry.Host
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
	if os.Getuid() != 0 && !theStage.user {
		t.Skip("needs root")
	}
	all, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var runs []string
	for _, verb := range []string{"exec", "kill", "network", "pause", "rm", "run", "stop", "wait"} {
		files, err := filepath.Glob("testdata/" + verb + "_*.txtar")
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, files...)
	}
	if theStage.user {
		runs = nil
		for _, name := range userRuns {
			runs = append(runs, "testdata/"+name+".txtar")
		}
	}
	for runtime, files := range map[string][]string{"crun": all, "runc": runs} {
		t.Run(runtime, func(t *testing.T) {
			if _, err := exec.LookPath(runtime); err != nil {
				t.Skip("needs ", runtime)
			}
			testscript.Run(t, testscript.Params{
				Files:              files,
				WorkdirRoot:        theStage.workdirs(t),
				Setup:              func(env *testscript.Env) error { return theStage.furnish(t, env, runtime) },
				Cmds:               theStage.commands(),
				Condition:          condition,
				RequireUniqueNames: true,
			})
		})
	}
}

// workdirs is where the directories of stories are made. A user cannot remove what
// belongs to the further IDs; root does, when all are told.
func (s *stage) workdirs(t *testing.T) string {
	if !s.user {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("", "stories-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// condition is one of: [root], which a story has not that a user tells; [cgroup],
// which a user may have; [tun], for pasta.
func condition(name string) (bool, error) {
	root := os.Getuid() == 0
	switch name {
	case "root":
		return root, nil
	case "cgroup":
		return root || unix.Access("/sys/fs/cgroup/memory", unix.W_OK) == nil || unix.Access("/sys/fs/cgroup/cgroup.procs", unix.W_OK) == nil, nil
	case "tun":
		return unix.Access("/dev/net/tun", unix.R_OK|unix.W_OK) == nil, nil
	}
	return false, fmt.Errorf("condition %q: unknown", name)
}
