// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/ondisk"
)

// cgroupHost is what a host has of cgroups, seen from a process.
type cgroupHost struct {
	root string // where they are mounted
	self string // the content of its /proc/PID/cgroup
	// writable tells whether a cgroup can be made below a directory.
	writable func(dir string) bool
}

func thisHost() cgroupHost {
	self, _ := ondisk.ReadHost("/proc/self/cgroup", 1<<16) // without it we are nowhere
	return hostOf(string(self))
}

// hostOf is what a process sees whose /proc/PID/cgroup is self.
func hostOf(self string) cgroupHost {
	return cgroupHost{root: cgroupRoot, self: self, writable: func(dir string) bool {
		return unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS) == nil
	}}
}

func (h cgroupHost) exists(elements ...string) bool {
	_, err := os.Stat(filepath.Join(append([]string{h.root}, elements...)...))
	return err == nil
}

// unified reports that there is version 2 alone.
func (h cgroupHost) unified() bool { return h.exists("cgroup.controllers") }

// current is the cgroup that this process is in: of a controller with version 1,
// of version 2 for "".
func (h cgroupHost) current(controller string) string {
	for line := range strings.Lines(h.self) {
		number, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, path, ok := strings.Cut(rest, ":")
		if !ok || !filepath.IsAbs(path) || filepath.Clean(path) != path {
			continue
		}
		if controller == "" && number == "0" && controllers == "" || controller != "" && slices.Contains(strings.Split(controllers, ","), controller) {
			return path
		}
	}
	return ""
}

// base is the cgroup below which this process may make one for a container: the
// root for one who may write there. With version 2 a user has what was delegated
// to him: of the cgroups that we are in, the uppermost one that he may write to
// and in which no process is, since the kernel gives controllers to the cgroups
// below such a one only. ok is false where there is none.
func (h cgroupHost) base() (path string, ok bool) {
	if !h.unified() {
		for _, controller := range []string{"pids", "memory", "cpu", "devices", "freezer"} {
			if h.exists(controller, "cgroup.procs") {
				if h.writable(filepath.Join(h.root, controller)) {
					return "/", true
				}
				return "", false
			}
		}
		return "", false
	}
	if h.writable(h.root) {
		return "/", true
	}
	best := ""
	for path := h.current(""); path != "" && path != "/"; path = filepath.Dir(path) {
		dir := filepath.Join(h.root, path)
		if !h.writable(dir) || !h.writable(filepath.Join(dir, "cgroup.procs")) {
			continue
		}
		if procs, err := ondisk.ReadHost(filepath.Join(dir, "cgroup.procs"), 1<<20); err == nil && len(procs) == 0 {
			best = path
		}
	}
	return best, best != ""
}

// place is the cgroup below which a container's is made, and whether that can be.
func (h cgroupHost) place(o *Options) (path string, ok bool) {
	if o.Cgroups != CgroupsSplit {
		return h.base()
	}
	own := h.current("")
	return own, own != "" && h.writable(filepath.Join(h.root, own))
}

// has reports whether a limit of a controller can be set in a cgroup below base.
func (h cgroupHost) has(base, controller string) bool {
	if !h.unified() {
		return h.exists(controller, "cgroup.procs")
	}
	if controller == "blkio" {
		controller = "io"
	}
	controllers, err := ondisk.ReadHost(filepath.Join(h.root, base, "cgroup.controllers"), 1<<16)
	return err == nil && slices.Contains(strings.Fields(string(controllers)), controller)
}

// file reports whether the kernel has one of the files of a version 1 controller.
// Some are in no root; without a cgroup below one, the answer is yes.
func (h cgroupHost) file(controller string, names ...string) bool {
	dirs := []string{filepath.Join(h.root, controller)}
	entries, err := os.ReadDir(dirs[0])
	below := 0
	for _, entry := range entries {
		if entry.IsDir() && below < 8 { // some may be gone by now
			below++
			dirs = append(dirs, filepath.Join(dirs[0], entry.Name()))
		}
	}
	for _, dir := range dirs {
		for _, name := range names {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				return true
			}
		}
	}
	return err == nil && below == 0
}
