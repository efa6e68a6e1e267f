// SPDX-License-Identifier: Apache-2.0

package script_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tug-containers/tug/internal/life"
	"github.com/tug-containers/tug/libexec/network"
	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/scene"
)

// furnish gives a story its own store and configuration, which every tool of
// the field finds by its environment.
func (s *stage) furnish(t *testing.T, env *testscript.Env, runtime string) error {
	runRoot, err := os.MkdirTemp("", "tug-run-")
	if err != nil {
		return err
	}
	env.Defer(func() { s.tidy(t, env.WorkDir, runRoot) })
	home, err := scene.Furnish(env.WorkDir, scene.Options{
		Bin: s.bin, Runtime: runtime, RunRoot: runRoot, Registry: s.host, Path: env.Getenv("PATH"),
	})
	if err != nil {
		return err
	}
	for key, value := range home.Env {
		env.Setenv(key, value)
	}
	for key, value := range map[string]string{
		"ROOT": home.Root, "RUNROOT": home.RunRoot, "RUNTIME": runtime, "BIN": s.bin,
		"REGISTRY": s.host, "LAYOUT": s.layout,
		"BUSYBOX": s.host + "/busybox:latest", "APP": s.host + "/app:latest",
		"HOSTARCH": goruntime.GOARCH, "OTHERARCH": images.OtherArch(),
	} {
		env.Setenv(key, value)
	}
	return nil
}

// tidy ends what a story left running or mounted, which is the story's
// failure, and removes its run root.
func (s *stage) tidy(t *testing.T, work, runRoot string) {
	endContainers(t, work)
	dropNetworks(t, filepath.Join(work, ".store/root"), runRoot)
	unmount(t, runRoot)
	unmount(t, work)
	for _, dir := range []string{runRoot, work} {
		for _, pid := range lasting(dir) {
			t.Errorf("left running: %d %s", pid, scene.Command(pid))
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	if err := os.RemoveAll(runRoot); err != nil && !s.user {
		t.Error(err)
	}
}

// endContainers ends what a story left detached, with its monitor.
func endContainers(t *testing.T, work string) {
	var lives []string
	for _, kind := range []string{"containers", "ephemeral"} {
		found, _ := filepath.Glob(filepath.Join(work, ".store/root/tug", kind, "*"))
		lives = append(lives, found...)
	}
	for _, dir := range lives {
		live, err := life.ReadLive(dir)
		if err != nil || !life.Monitored(dir) {
			continue
		}
		t.Errorf("left running: container %s", filepath.Base(dir))
		_ = syscall.Kill(live.Monitor, syscall.SIGKILL)
		_ = syscall.Kill(live.Pid, syscall.SIGKILL)
	}
}

// dropNetworks removes the networks of a story, whose bridges stay. That somebody is
// on one still is the story's failure.
func dropNetworks(t *testing.T, root, runRoot string) {
	set := network.Open(network.Options{Dir: filepath.Join(root, "tug/networks"), RunDir: filepath.Join(runRoot, "tug")})
	left, err := set.Holders()
	for _, id := range left {
		t.Errorf("left on a network: container %s", id)
		err = errors.Join(err, set.Purge(context.Background(), id))
	}
	all, lerr := set.List()
	err = errors.Join(err, lerr)
	for _, n := range all {
		err = errors.Join(err, set.Remove(context.Background(), n.Name))
	}
	if err != nil {
		t.Error(err)
	}
}

func unmount(t *testing.T, dir string) {
	points, err := scene.Mounts(dir)
	if err != nil {
		t.Error(err)
	}
	for _, point := range points {
		if !scene.OwnMount(point) {
			t.Errorf("left mounted: %s", point)
		}
		if err := syscall.Unmount(point, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", point, err)
		}
	}
}

// lasting gives the processes that still see mounts of a directory after a
// while: a runtime that starts somebody else's container sees them briefly. That of
// podman stays: other stories of the user may be in its namespace.
func lasting(dir string) []int {
	var pids []int
	for range 300 {
		pids = slices.DeleteFunc(scene.Holders(dir), func(pid int) bool { return podmans(scene.Command(pid)) })
		if len(pids) == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	return pids
}
