// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/scene"
)

// The programs of the suite, and the layer below all of its images.
var (
	bin   string
	probe string
	base  images.Layer
	// runtimes are those of this host.
	runtimes []string
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if os.Getuid() != 0 {
		fmt.Println("skip: needs root")
		return 0
	}
	work, err := os.MkdirTemp("/var/tmp", "tug-hostile-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(work)
	// Stores are on disk: an overlay on tmpfs is no test.
	if err := os.Setenv("TMPDIR", work); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	clean, err := build(work)
	defer clean()
	if err != nil {
		fmt.Fprintln(os.Stderr, "hostile:", err)
		return 1
	}
	groups := controlGroups()
	code := m.Run()
	for _, left := range leftGroups(groups) {
		fmt.Fprintln(os.Stderr, "hostile: left control group", left)
		code = 1
	}
	return code
}

func build(work string) (clean func(), err error) {
	if bin, clean, err = scene.Binaries(); err != nil {
		return clean, err
	}
	probe = filepath.Join(work, "probe")
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", probe, "./probe").CombinedOutput(); err != nil {
		return clean, fmt.Errorf("build probe: %w: %s", err, out)
	}
	entries, err := images.BusyboxEntries()
	if err != nil {
		return clean, err
	}
	program, err := os.ReadFile(probe)
	if err != nil {
		return clean, err
	}
	base, err = finished(work, images.Layer{Entries: append(entries, images.File("bin/probe", 0o755, string(program)))})
	if err != nil {
		return clean, err
	}
	for _, name := range []string{"crun", "runc"} {
		if _, err := exec.LookPath(name); err == nil {
			runtimes = append(runtimes, name)
		}
	}
	if len(runtimes) == 0 {
		return clean, fmt.Errorf("neither crun nor runc: %w", exec.ErrNotFound)
	}
	return clean, nil
}

// finished builds a layer once for many images.
func finished(work string, layer images.Layer) (images.Layer, error) {
	image := images.Image{Layers: []images.Layer{layer}}
	built, err := image.Build()
	if err != nil {
		return layer, err
	}
	var manifest v1.Manifest
	var config v1.Image
	if err := errors.Join(json.Unmarshal(built.Manifest, &manifest), json.Unmarshal(built.Config, &config)); err != nil {
		return layer, err
	}
	done := images.Layer{File: filepath.Join(work, "base.gz"), DiffID: config.RootFS.DiffIDs[0]}
	return done, os.WriteFile(done.File, built.Blobs[manifest.Layers[0].Digest].Data, 0o600)
}
