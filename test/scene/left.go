// SPDX-License-Identifier: Apache-2.0

package scene

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
)

// Mounts gives the mount points below a directory, the last mounted first.
func Mounts(dir string) ([]string, error) {
	infos, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	var points []string
	for _, info := range infos {
		points = append(points, info.Mountpoint)
	}
	slices.Reverse(points)
	return points, err
}

// OwnMount tells whether containers/storage mounts this on itself.
func OwnMount(point string) bool { return strings.HasSuffix(point, "/overlay") }

// Holders gives the processes that see a mount from a directory: those of its
// containers.
func Holders(dir string) []int {
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

// Command gives the command line of a process, for a message.
func Command(pid int) string {
	line, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	return strings.ReplaceAll(string(line), "\x00", " ")
}
