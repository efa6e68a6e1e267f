// SPDX-License-Identifier: Apache-2.0

package script_test

import (
	goruntime "runtime"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/scene"
)

// furnish gives a story its own store and configuration, which every tool of
// the field finds by its environment.
func (s *stage) furnish(t *testing.T, env *testscript.Env, runtime string) error {
	home, err := scene.Furnish(env.WorkDir, scene.Options{
		Bin: s.bin, Runtime: runtime, Registry: s.registry.Host, Path: env.Getenv("PATH"),
	})
	if err != nil {
		return err
	}
	for key, value := range home.Env {
		env.Setenv(key, value)
	}
	for key, value := range map[string]string{
		"ROOT": home.Root, "RUNROOT": home.RunRoot, "RUNTIME": runtime, "BIN": s.bin,
		"REGISTRY": s.registry.Host, "LAYOUT": s.layout,
		"BUSYBOX": s.registry.Host + "/busybox:latest", "APP": s.registry.Host + "/app:latest",
		"HOSTARCH": goruntime.GOARCH, "OTHERARCH": images.OtherArch(),
	} {
		env.Setenv(key, value)
	}
	env.Defer(func() { s.tidy(t, env.WorkDir) })
	return nil
}

// tidy ends what a story left running or mounted, which is the story's
// failure.
func (s *stage) tidy(t *testing.T, work string) {
	points, err := scene.Mounts(work)
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
	var left []int
	for range 20 {
		if left = scene.Holders(work); len(left) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, pid := range left {
		t.Errorf("left running: %d %s", pid, scene.Command(pid))
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}
