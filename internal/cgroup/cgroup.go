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
			for controller := range strings.SplitSeq(controllers, ",") {
				g.dirs[controller] = filepath.Join(root, controllers, path)
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

// named is a directory that has an ID in its path; the one nearest to the root.
func (g Group) named(id string) string {
	for _, dir := range g.dirs {
		at := strings.Index(dir, id)
		if at < 0 {
			continue
		}
		if end := strings.IndexByte(dir[at:], '/'); end >= 0 {
			return dir[:at+end]
		}
		return dir
	}
	return ""
}

// Pids are the processes in the cgroup that is called by id, and in those below
// it: all of a container's. ok is false when there is no such cgroup.
func (g Group) Pids(id string) (pids []int, ok bool, err error) {
	top := g.named(id)
	if top == "" {
		return nil, false, nil
	}
	err = filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil || !entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		if errors.Is(err, unix.EOPNOTSUPP) { // a threaded one: its processes are above
			return nil
		}
		for field := range strings.FieldsSeq(string(data)) {
			if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
			return nil
		}
		return err
	})
	return pids, true, err
}
