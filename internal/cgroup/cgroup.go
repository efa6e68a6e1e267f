// SPDX-License-Identifier: Apache-2.0

// Package cgroup finds the cgroups of a container, of both versions and on hosts
// that have both, and reads what they count. It changes nothing.
package cgroup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const mountPoint = "/sys/fs/cgroup"

// Group is where a process is in the hierarchies of cgroups.
type Group struct {
	// dirs are the directories by controller; version 2 is under "".
	dirs map[string]string
}

// Of finds the cgroups of a process. One that is gone is fs.ErrNotExist.
func Of(pid int) (Group, error) {
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return Group{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 1<<16))
	if errors.Is(err, unix.ESRCH) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return Group{}, fmt.Errorf("cgroups of process %d: %w", pid, err)
	}
	return parse(string(data), mountPoint, unified())
}

// unified tells that there is version 2 alone.
func unified() bool {
	var st unix.Statfs_t
	return unix.Statfs(mountPoint, &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC
}

// parse reads lines of NUMBER:CONTROLLERS:PATH.
func parse(lines, root string, unified bool) (Group, error) {
	g := Group{dirs: map[string]string{}}
	for line := range strings.Lines(lines) {
		number, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, path, ok := strings.Cut(rest, ":")
		if !ok {
			continue
		}
		if !filepath.IsAbs(path) || filepath.Clean(path) != path {
			return g, fmt.Errorf("cgroup %.200q: outside of our own", path)
		}
		switch {
		case number == "0" && controllers == "" && unified:
			g.dirs[""] = filepath.Join(root, path)
		case number == "0" && controllers == "":
			g.dirs[""] = filepath.Join(root, "unified", path)
		default:
			// One without a controller is called name=NAME, and mounted at NAME.
			hierarchy := strings.TrimPrefix(controllers, "name=")
			for controller := range strings.SplitSeq(hierarchy, ",") {
				g.dirs[controller] = filepath.Join(root, hierarchy, path)
			}
		}
	}
	return g, nil
}

// dir is that of a controller; of version 2 where version 1 has it not.
func (g Group) dir(controller string) (dir string, v2 bool) {
	if dir, ok := g.dirs[controller]; ok {
		return dir, false
	}
	return g.dirs[""], true
}

// named are the directories that have an ID in their paths, up to there.
func (g Group) named(id string) []string {
	var dirs []string
	for _, dir := range g.dirs {
		if strings.Contains(dir, id) {
			dirs = append(dirs, upTo(dir, id))
		}
	}
	slices.Sort(dirs)
	return dirs
}

// upTo cuts a path after the element that has id in it.
func upTo(path, id string) string {
	at := strings.Index(path, id)
	if end := strings.IndexByte(path[at:], '/'); end >= 0 {
		return path[:at+end]
	}
	return path
}

// Pids are the processes in the cgroup that is called by id, and in those below
// it: all of a container's. ok is false when there is no such cgroup.
func (g Group) Pids(id string) (pids []int, ok bool, err error) {
	for _, top := range g.named(id) {
		if _, err := os.Stat(top); err == nil { // or that hierarchy is not mounted here
			pids, err := pidsBelow(top)
			return pids, true, err
		}
	}
	return nil, false, nil
}

func pidsBelow(top string) (pids []int, err error) {
	err = filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil || !entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		for field := range strings.FieldsSeq(string(data)) {
			if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
		// Just removed; or a threaded one, whose processes are above.
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EOPNOTSUPP) {
			return nil
		}
		return err
	})
	return pids, err
}
