// SPDX-License-Identifier: Apache-2.0

package script_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/sys/mountinfo"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tug-containers/tug/test/images"
)

// furnish gives a story its own store and configuration, which every tool of
// the field finds by its environment.
func (s *stage) furnish(t *testing.T, env *testscript.Env, runtime string) error {
	home := filepath.Join(env.WorkDir, ".home")
	root, runRoot := filepath.Join(env.WorkDir, ".store", "root"), filepath.Join(env.WorkDir, ".store", "run")
	file := func(name string) string { return filepath.Join(home, name) }
	program, err := exec.LookPath(runtime)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"auth.json":    "{}",
		"storage.conf": fmt.Sprintf("[storage]\ndriver = \"overlay\"\ngraphroot = %q\nrunroot = %q\n", root, runRoot),
		"registries.conf": fmt.Sprintf("unqualified-search-registries = [%q]\nshort-name-mode = \"permissive\"\n"+
			"[[registry]]\nlocation = %q\ninsecure = true\n", s.registry.Host, s.registry.Host),
		"containers.conf": fmt.Sprintf("[engine]\nruntime = %q\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n"+
			"tmp_dir = %q\n[engine.runtimes]\n%s = [%q]\n[containers]\nnetns = \"host\"\nlog_driver = \"k8s-file\"\n",
			runtime, filepath.Join(runRoot, "libpod"), runtime, program),
	} {
		if err := os.WriteFile(file(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	for key, value := range map[string]string{
		"HOME": home, "PATH": s.bin + ":" + env.Getenv("PATH") + ":/usr/sbin:/sbin",
		"CONTAINERS_STORAGE_CONF": file("storage.conf"), "CONTAINERS_REGISTRIES_CONF": file("registries.conf"),
		"CONTAINERS_CONF": file("containers.conf"), "REGISTRY_AUTH_FILE": file("auth.json"),
		"ROOT": root, "RUNROOT": runRoot, "RUNTIME": runtime, "BIN": s.bin,
		"REGISTRY": s.registry.Host, "LAYOUT": s.layout,
		"BUSYBOX": s.registry.Host + "/busybox:latest", "APP": s.registry.Host + "/app:latest",
		"LC_ALL": "C.UTF-8", "TERM": "dumb",
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
	for _, point := range s.mounts(t, work) {
		// containers/storage mounts this on itself and leaves it.
		if !strings.HasSuffix(point, "/overlay") {
			t.Errorf("left mounted: %s", point)
		}
		if err := syscall.Unmount(point, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", point, err)
		}
	}
	var left []int
	for range 20 {
		if left = holders(work); len(left) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, pid := range left {
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		t.Errorf("left running: %d %s", pid, strings.ReplaceAll(string(name), "\x00", " "))
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// mounts gives the mount points below a directory, the last mounted first.
func (s *stage) mounts(t *testing.T, dir string) []string {
	infos, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	if err != nil {
		t.Error(err)
	}
	var points []string
	for _, info := range infos {
		points = append([]string{info.Mountpoint}, points...)
	}
	return points
}

// holders gives the processes that see a mount from a directory: those of its
// containers.
func holders(dir string) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		table, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "mountinfo"))
		if err == nil && strings.Contains(string(table), dir+"/") {
			pids = append(pids, pid)
		}
	}
	return pids
}
