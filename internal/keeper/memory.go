// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// memoryGroup is where the kernel counts what it killed for want of memory: a
// file of the container's cgroup, and the name of the line. It is found while
// the process is there, and read when it is gone.
type memoryGroup struct{ file, key string }

// findMemoryGroup looks into both hierarchies (cgroups(7)).
func findMemoryGroup(pid int) memoryGroup {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return memoryGroup{}
	}
	var unified string
	for line := range strings.Lines(string(data)) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		if id == "0" {
			unified = path
		}
		for controller := range strings.SplitSeq(controllers, ",") {
			if controller == "memory" {
				return memoryGroup{filepath.Join("/sys/fs/cgroup/memory", path, "memory.oom_control"), "oom_kill"}
			}
		}
	}
	if unified == "" || unified == "/" {
		return memoryGroup{}
	}
	return memoryGroup{filepath.Join("/sys/fs/cgroup", unified, "memory.events"), "oom_kill"}
}

// killed tells whether the kernel has killed something in the group.
func (g memoryGroup) killed() bool {
	if g.file == "" {
		return false
	}
	data, err := os.ReadFile(g.file)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == g.key {
			return fields[1] != "0"
		}
	}
	return false
}
