// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/tug-containers/tug/libstorage"
)

// changing are the system calls by which a container comes and goes.
var changing = []string{
	"mkdirat", "linkat", "renameat", "unlinkat", "pwrite64", "write", "fdatasync", "fsync", "fchmodat",
	"fsopen", "fsconfig", "fsmount", "move_mount", "umount2", "mkdir", "rmdir", "link", "rename", "unlink",
}

// A process that creates, mounts and removes a container is killed before
// every single system call that changes something. Whatever it leaves, the
// next Sweep removes, or the container is there and can be removed; and the
// image is free again.
func TestKilledAnywhere(t *testing.T) {
	needRoot(t)
	if testing.Short() {
		t.Skip("short")
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("condition strace: not installed")
	}
	for _, kind := range []string{"ephemeral", "persistent", "held"} {
		t.Run(kind, func(t *testing.T) {
			store := openStore(t, libstorage.Options{})
			image := addImage(t, store, busybox("localhost/box:1"))
			if out, err := helperCommand(t, store, kind, image).CombinedOutput(); err != nil {
				t.Fatalf("not killed: %v: %s", err, out)
			}
			wantNothingLeft(t, store)
			points, garbage := 0, 0
			for _, call := range changing {
				for n := 1; killedAt(t, store, strace, kind, image, call, n); n++ {
					points++
					if len(left(t, store)) > 0 {
						garbage++
					}
					recovered(t, store, kind, fmt.Sprintf("killed at %s %d", call, n))
				}
			}
			t.Logf("killed at %d points, at %d of them something was left", points, garbage)
			if points < 40 || garbage < 20 {
				t.Errorf("killed at %d points only, at %d of them something was left", points, garbage)
			}
			if _, err := store.Remove(t.Context(), image, libstorage.RemoveOptions{Force: true}); err != nil {
				t.Error(err)
			}
		})
	}
}

// killedAt runs the helper and tells whether it was killed.
func killedAt(t *testing.T, store *libstorage.Store, strace, kind, image, call string, n int) bool {
	t.Helper()
	cmd := helperCommand(t, store, kind, image)
	cmd.Args = []string{strace, "-f", "-qq", "-o", os.DevNull, "-e", "trace=" + call,
		"-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n), cmd.Path}
	cmd.Path = strace
	cmd.Env = append(cmd.Env, "GOMAXPROCS=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || len(out) > 0 {
		t.Fatalf("%s %d: %v: %s", call, n, err, out)
	}
	return true
}

func recovered(t *testing.T, store *libstorage.Store, kind, when string) {
	t.Helper()
	list, err := store.Containers(t.Context())
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	for _, info := range list {
		if info.Err != nil {
			t.Errorf("%s: listed as damaged: %v", when, info.Err)
		}
	}
	if _, err := store.Sweep(t.Context(), nil); err != nil {
		t.Fatalf("%s: Sweep: %v", when, err)
	}
	if list, err = store.Containers(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kind == "ephemeral" && len(list) > 0 {
		t.Errorf("%s: still there after a Sweep", when)
	}
	for _, info := range list {
		if got, err := store.Container(t.Context(), "one"); err != nil || got.Record.ID != info.Record.ID {
			t.Errorf("%s: by its name: %v", when, err)
		}
		if err := store.RemoveContainer(t.Context(), info.Record.ID, nil); err != nil {
			t.Errorf("%s: remove: %v", when, err)
		}
	}
	if found := left(t, store); len(found) > 0 {
		t.Fatalf("%s: left behind: %q", when, found)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil || strings.Contains(string(mounts), store.RunRoot()) {
		t.Fatalf("%s: left mounted (%v)", when, err)
	}
}
