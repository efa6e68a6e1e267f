// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tug-containers/tug/internal/ondisk"
)

// removeCgroups removes the container's cgroups that a runtime left behind when
// it died half-way: those at the spec's cgroupsPath, in every hierarchy. It is
// never on the way of a container that ended well.
func (w *watch) removeCgroups() error {
	var spec struct {
		Linux struct {
			CgroupsPath string `json:"cgroupsPath"`
		} `json:"linux"`
	}
	data, err := ondisk.ReadHost(filepath.Join(w.c.Bundle, "config.json"), 16<<20)
	if errors.Is(err, fs.ErrNotExist) {
		spec.Linux.CgroupsPath = cgroupsPath("", w.c.ID) // the bundle was lost: where it is by default
	} else if err != nil || json.Unmarshal(data, &spec) != nil {
		return nil // nothing to go by
	}
	path := filepath.Clean(cgroupDir(spec.Linux.CgroupsPath))
	// A path that does not name this container could be anybody's.
	if !filepath.IsAbs(path) || !strings.Contains(filepath.Base(path), w.c.ID) {
		return nil
	}
	mounts, err := cgroupMounts()
	if err != nil {
		return fmt.Errorf("container %s: %w", w.c.ID, err)
	}
	var all error
	for _, mount := range mounts {
		dir := filepath.Join(mount, path)
		if err := removeCgroup(dir); err != nil {
			all = errors.Join(all, fmt.Errorf("container %s: remove cgroup: %w", w.c.ID, err))
		}
	}
	return all
}

func cgroupMounts() ([]string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var mounts []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		front, back, ok := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(front)
		if ok && len(fields) > 4 && (strings.HasPrefix(back, "cgroup ") || strings.HasPrefix(back, "cgroup2 ")) {
			mounts = append(mounts, fields[4])
		}
	}
	return mounts, lines.Err()
}

// removeCgroup kills what is in dir and below, and removes it. The kernel needs
// a moment to let go of the dead.
func removeCgroup(dir string) error {
	var err error
	for wait := time.Millisecond; wait < time.Second; wait *= 2 {
		err = nil
		var dirs []string
		_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, werr error) error {
			if werr == nil && d.IsDir() {
				dirs = append(dirs, name)
			}
			return nil
		})
		for i := len(dirs) - 1; i >= 0; i-- {
			killCgroup(dirs[i])
			if e := syscall.Rmdir(dirs[i]); e != nil && !errors.Is(e, fs.ErrNotExist) {
				err = &fs.PathError{Op: "rmdir", Path: dirs[i], Err: e}
			}
		}
		if err == nil {
			return nil
		}
		time.Sleep(wait)
	}
	return err
}

func killCgroup(dir string) {
	if os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0) == nil {
		return
	}
	data, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	for _, field := range strings.Fields(string(data)) {
		var pid int
		if _, err := fmt.Sscan(field, &pid); err == nil && pid > 1 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
