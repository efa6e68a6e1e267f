// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// frozen tells whether the container of a process is paused: nothing can be run
// in it then, and it is neither well nor ill. What cannot be read is not.
func frozen(pid int) bool {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return false
	}
	for _, file := range freezerFiles(string(data)) {
		state, err := os.ReadFile(filepath.Join("/sys/fs/cgroup", file))
		if err == nil {
			text := "\n" + string(state)
			return strings.HasPrefix(text, "\nFR") || strings.Contains(text, "\nfrozen 1")
		}
	}
	return false
}

// freezerFiles are where the kernel says so, below the cgroups' mount point, by
// lines of NUMBER:CONTROLLERS:PATH. A freezer of v1 is the one that runtimes use.
func freezerFiles(groups string) (files []string) {
	for line := range strings.Lines(groups) {
		id, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		switch {
		case strings.Contains(","+controllers+",", ",freezer,"):
			return []string{filepath.Join(controllers, path, "freezer.state")}
		case id == "0" && controllers == "":
			files = []string{filepath.Join("unified", path, "cgroup.events"), filepath.Join(path, "cgroup.events")}
		}
	}
	return files
}
