// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tug-containers/tug/test/scene"
)

// snapshot is everything in the store and beside it: a name, its type, and the
// size of what is not a record or a cache of a fixed name.
type snapshot map[string]string

func takeSnapshot(t testing.TB, dirs ...string) snapshot {
	t.Helper()
	s := snapshot{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if os.IsNotExist(err) {
				return nil
			}
			if err != nil {
				return err
			}
			s[path] = entry.Type().String()
			// An image's own files are that image's: their names are enough.
			if entry.IsDir() && (entry.Name() == "diff" || entry.Name() == "merged") {
				return fs.SkipDir
			}
			return nil
		})
		must(t, err)
	}
	return s
}

// added gives what is in s and was not in before.
func (s snapshot) added(before snapshot) []string {
	var list []string
	for _, path := range slices.Sorted(maps.Keys(s)) {
		// The directories for kept containers, volumes and a runtime's containers stay, and
		// so does what is known of a runtime: a bounded number of compiled filters.
		kept := strings.HasSuffix(path, "/tug/containers") || strings.HasSuffix(path, "/tug/volumes") || strings.HasSuffix(path, "/tug/runtime/spy") ||
			strings.HasSuffix(filepath.Dir(path), "/tug/runtime/seccomp")
		if _, there := before[path]; !there && !kept {
			list = append(list, s[path]+" "+path)
		}
	}
	return list
}

// checkLeft is U5 for files, mounts and processes.
func (p *place) checkLeft(t testing.TB) {
	t.Helper()
	for _, left := range takeSnapshot(t, p.home.Root, p.home.RunRoot, p.tmp).added(p.before) {
		t.Errorf("U5: left: %s", left)
	}
	points, err := scene.Mounts(p.dir)
	must(t, err)
	for _, point := range points {
		if !scene.OwnMount(point) && !slices.Contains(p.mounted, point) {
			t.Errorf("U5: left mounted: %s", point)
			_ = syscall.Unmount(point, syscall.MNT_DETACH)
		}
	}
	deadline := time.Now().Add(30 * time.Second)
	left := p.processes()
	for len(left) > 0 && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
		left = p.processes()
	}
	for _, pid := range left {
		t.Errorf("U5: left running: %d %s", pid, scene.Command(pid))
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// processes gives those that a command of this place started: they see its
// mounts, or have its mark in their environment.
func (p *place) processes() []int {
	pids := scene.Holders(p.home.Root)
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || slices.Contains(pids, pid) {
			continue
		}
		env, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ"))
		line, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		if err == nil && (strings.Contains(string(env), p.home.Dir) || strings.Contains(string(line), p.home.RunRoot)) {
			pids = append(pids, pid)
		}
	}
	return slices.DeleteFunc(pids, func(pid int) bool {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(state), ") Z ") || slices.Contains(p.running, pid)
	})
}

// controlGroups gives those that are named for a container.
func controlGroups() map[string]bool {
	found := map[string]bool{}
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (containerName(entry.Name()) && !strings.HasPrefix(entry.Name(), "libpod") || strings.HasPrefix(entry.Name(), "tug-probe-")) {
			found[path] = true
		}
		return nil
	})
	return found
}

// containerName tells whether 64 hexadecimal digits are in a name.
func containerName(name string) bool {
	run := 0
	for _, r := range name {
		if strings.ContainsRune("0123456789abcdef", r) {
			run++
		} else {
			run = 0
		}
		if run == 64 {
			return true
		}
	}
	return false
}

// leftGroups gives the new ones without a process that stay.
func leftGroups(before map[string]bool) []string {
	var list []string
	for range 300 {
		list = nil
		for path := range controlGroups() {
			procs, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
			if !before[path] && err == nil && len(procs) == 0 {
				list = append(list, path)
			}
		}
		if len(list) == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	return list
}
