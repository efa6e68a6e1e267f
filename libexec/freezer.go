// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tug-containers/tug/internal/ondisk"
)

// Paused reports whether a process is frozen with its cgroup, or about to be: a
// paused container. A process that is gone gives an error that is
// fs.ErrNotExist; a host without a freezer pauses nobody.
func Paused(pid int) (bool, error) {
	f, err := findFreezer(cgroupRoot, cgroup2(), pid)
	if err != nil {
		return false, err
	}
	return f.frozen()
}

// Freeze pauses container id, one of whose processes is pid: all of them stand
// still when it returns. ErrNoFreezer when the container has no cgroup of its
// own. A process that is gone gives an error that is fs.ErrNotExist.
//
// When ctx ends before they stand still, they go on.
func Freeze(ctx context.Context, id string, pid int) error {
	f, err := findFreezer(cgroupRoot, cgroup2(), pid)
	if err != nil {
		return err
	}
	return f.freeze(ctx, id)
}

// Thaw ends the pause of container id, one of whose processes is pid. It is for
// a container that is to end: with cgroup v1 a frozen process does not even
// receive SIGKILL, so it is thawed when the signal is on its way. A process that
// is gone gives an error that is fs.ErrNotExist.
//
// A cgroup that is not the container's own is left as it is.
func Thaw(id string, pid int) error {
	f, err := findFreezer(cgroupRoot, cgroup2(), pid)
	if err != nil {
		return err
	}
	return f.thaw(id)
}

const cgroupRoot = "/sys/fs/cgroup"

// freezer is the cgroup by which a process can be frozen.
type freezer struct {
	root    string // the hierarchy's mount point; empty: there is none
	path    string // of the process in it
	unified bool
}

// findFreezer finds the freezer of pid among the cgroups mounted at root. The
// runtimes use that of v1 where there is one, also when v2 is mounted beside it.
func findFreezer(root string, unified bool, pid int) (freezer, error) {
	groups, err := ondisk.ReadHost("/proc/"+strconv.Itoa(pid)+"/cgroup", 1<<16)
	if errors.Is(err, syscall.ESRCH) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return freezer{}, fmt.Errorf("cgroups of process %d: %w", pid, err)
	}
	f := freezerOf(string(groups), root, unified)
	if f.root != "" && (!filepath.IsAbs(f.path) || filepath.Clean(f.path) != f.path) {
		return freezer{}, fmt.Errorf("cgroup %s of process %d: outside of our own", shorten(f.path), pid)
	}
	return f, nil
}

// freezerOf reads the content of /proc/PID/cgroup, lines of
// NUMBER:CONTROLLERS:PATH. In a machine with v2 alone they speak of the v1 of its
// host as well.
func freezerOf(groups, root string, unified bool) (f freezer) {
	for line := range strings.Lines(groups) {
		number, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, path, ok := strings.Cut(rest, ":")
		switch {
		case !ok:
		case !unified && strings.Contains(","+controllers+",", ",freezer,"):
			return freezer{root: filepath.Join(root, controllers), path: path}
		case number == "0" && controllers == "" && unified:
			f = freezer{root: root, path: path, unified: true}
		case number == "0" && controllers == "":
			f = freezer{root: filepath.Join(root, "unified"), path: path, unified: true}
		}
	}
	return f
}

// frozen reads what the kernel says. Both kinds count the cgroups above in.
func (f freezer) frozen() (bool, error) {
	if f.root == "" {
		return false, nil
	}
	name := "freezer.state" // THAWED, FREEZING or FROZEN
	if f.unified {
		name = "cgroup.events" // lines of KEY VALUE
	}
	data, err := ondisk.ReadHost(filepath.Join(f.root, f.path, name), 4096)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // the root of all has none, nor has a kernel before 5.2
	}
	if err != nil {
		return false, err
	}
	if !f.unified {
		return strings.HasPrefix(string(data), "FR"), nil
	}
	return strings.Contains("\n"+string(data), "\nfrozen 1"), nil
}

// freeze freezes the uppermost cgroup of container id. With cgroup v1 a process
// that cannot be stopped just then may need to be told again.
func (f freezer) freeze(ctx context.Context, id string) error {
	own := ""
	for path := f.path; f.root != "" && id != "" && strings.Contains(path, id); path = filepath.Dir(path) {
		own = path
	}
	if own == "" {
		return ErrNoFreezer
	}
	name, word, state, still := "freezer.state", "FROZEN", "freezer.state", "FROZEN"
	if f.unified {
		name, word, state, still = "cgroup.freeze", "1", "cgroup.events", "frozen 1"
	}
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		if err := os.WriteFile(filepath.Join(f.root, own, name), []byte(word), 0); err != nil {
			return err
		}
		data, err := ondisk.ReadHost(filepath.Join(f.root, own, state), 4096)
		if err != nil {
			return err
		}
		if slices.Contains(strings.Split(strings.TrimSpace(string(data)), "\n"), still) {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), f.thaw(id))
		case <-time.After(pause):
		}
	}
}

// thaw thaws the cgroup of container id and those below it on the way to the
// process.
func (f freezer) thaw(id string) error {
	name, word := "freezer.state", "THAWED"
	if f.unified {
		name, word = "cgroup.freeze", "0"
	}
	for path := f.path; f.root != "" && id != "" && strings.Contains(path, id); path = filepath.Dir(path) {
		err := os.WriteFile(filepath.Join(f.root, path, name), []byte(word), 0)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
