// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/ondisk"
)

// deleteTimeout bounds `delete -f`, unless StartTimeout is shorter.
const deleteTimeout = 20 * time.Second

// Delete kills the container, if it runs, and removes it from the runtime. One
// that the runtime does not know is no error. It is what a later command does
// for a container whose Run was killed.
func (r *Runtime) Delete(ctx context.Context, c Container) error {
	if err := checkContainer(c); err != nil {
		return err
	}
	w := &watch{r: r, c: c, o: &RunOptions{}, settled: true}
	w.o.setDefaults()
	return w.delete(ctx)
}

// cleanUp makes sure that the runtime has nothing left of the container. After
// a `run` that ended well that is one look at a directory.
func (w *watch) cleanUp(suspicious bool) error {
	if !suspicious && !w.known() {
		return nil
	}
	w.send(syscall.SIGKILL)
	// What ended the container must not end its removal.
	return w.delete(context.Background())
}

// known reports whether the runtime keeps a state for the container.
func (w *watch) known() bool {
	_, err := os.Lstat(filepath.Join(w.r.root, w.c.ID))
	return !errors.Is(err, os.ErrNotExist)
}

func (w *watch) delete(ctx context.Context) error {
	quiet := &watch{r: w.r, c: w.c, o: &RunOptions{}, settled: true}
	quiet.o.setDefaults()
	limit := min(deleteTimeout, w.o.StartTimeout)
	err := quiet.runVerb("delete", func(ended <-chan struct{}) {
		quiet.until(ctx, "delete", ended, limit, true)
	}, "--log", w.c.logFile()+".delete", "--log-format", "json", "delete", "-f", w.c.ID)
	_ = os.Remove(w.c.logFile() + ".delete")
	if err = errors.Join(quiet.reason, err); err != nil {
		w.endRuntime()
	}
	if w.known() {
		// A runtime that died half-way cannot read its own state any more.
		if rerr := removeState(filepath.Join(w.r.root, w.c.ID)); rerr != nil {
			return errors.Join(err, fmt.Errorf("container %s: %w", w.c.ID, rerr))
		}
	} else {
		// There was nothing to delete, or the `run` of a client that was killed has
		// deleted it meanwhile: either way it is gone.
		err = nil
	}
	return errors.Join(err, w.removeCgroups())
}

// removeState removes what a runtime keeps of a container. runc mounts its own
// program there for a moment.
func removeState(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		// One that is not mounted is no error here.
		_ = unix.Unmount(filepath.Join(dir, entry.Name()), unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	}
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, os.RemoveAll(dir))
}

// endRuntime kills the processes of a runtime that was to create the container,
// and was killed before it had noted anything, or goes on although nobody waits for
// it. The first process of a container that was not started is one of them: it
// waits in the runtime's own program.
func (w *watch) endRuntime() {
	procs, _ := filepath.Glob("/proc/[0-9]*")
	for _, proc := range procs {
		pid, err := strconv.Atoi(filepath.Base(proc))
		if err != nil {
			continue
		}
		line, err := ondisk.ReadHost(proc+"/cmdline", maxArguments)
		if err != nil || !bytes.Contains(line, []byte("\x00"+w.c.ID+"\x00")) {
			continue
		}
		p, err := FindProcess(pid)
		if err != nil {
			continue
		}
		h, err := p.Open()
		if err != nil {
			continue
		}
		if stub, ok := w.r.inRuntime(pid); ok && stub {
			_ = h.Signal(syscall.SIGKILL) // gone is as good
		}
		h.Close()
	}
}

// killTree kills a process and all its descendants, those too that left its
// process group and session. It stops each one before it looks for children, so
// that none is born meanwhile.
func killTree(pid int) {
	var all []int
	todo := []int{pid}
	for len(todo) > 0 {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if syscall.Kill(next, syscall.SIGSTOP) != nil {
			continue
		}
		all = append(all, next)
		todo = append(todo, children(next)...)
	}
	for _, p := range all {
		_ = syscall.Kill(p, syscall.SIGKILL)
	}
}

func children(pid int) []int {
	proc := "/proc/" + strconv.Itoa(pid) + "/task"
	tasks, err := os.ReadDir(proc)
	if err != nil {
		return nil
	}
	var found []int
	for _, task := range tasks {
		data, err := os.ReadFile(filepath.Join(proc, task.Name(), "children"))
		if err != nil {
			continue
		}
		for _, field := range bytes.Fields(data) {
			if n, err := strconv.Atoi(string(field)); err == nil {
				found = append(found, n)
			}
		}
	}
	return found
}
