// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tug-containers/tug/libstorage"
)

// abandon makes an ephemeral container as its killed command leaves it.
func abandon(t *testing.T, store *libstorage.Store, image string, change func(*libstorage.Record)) libstorage.ContainerInfo {
	t.Helper()
	c, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Name: "one", ImageID: image, Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Rootfs().Mount(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Ready(t.Context()), c.Update(change), c.Close()); err != nil {
		t.Fatal(err)
	}
	return libstorage.ContainerInfo{Record: c.Record(), Dir: c.Dir(), RunDir: c.RunDir()}
}

func sleeper(t *testing.T) (pid int, kill func()) {
	t.Helper()
	cmd := exec.Command("sleep", "300")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	t.Cleanup(kill)
	return cmd.Process.Pid, kill
}

func wantSwept(t *testing.T, store *libstorage.Store, want int, when string) {
	t.Helper()
	removed, err := store.Sweep(t.Context(), nil)
	if err != nil || len(removed) != want {
		t.Errorf("%s: Sweep = %q, %v; want %d", when, removed, err, want)
	}
	if want > 0 {
		wantNothingLeft(t, store)
	}
}

func TestSweepLeavesTheLiving(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	image := addImage(t, store, busybox())
	wantSwept(t, store, 0, "nothing there")

	c := createContainer(t, store, libstorage.ContainerOptions{Name: "held", ImageID: image, Ephemeral: true})
	wantSwept(t, store, 0, "its lock is held")
	if err := c.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}

	pid, kill := sleeper(t)
	info := abandon(t, store, image, func(r *libstorage.Record) { _ = r.Started(pid) })
	wantSwept(t, store, 0, "its process lives")
	// Seen from another run root, too.
	other := openStore(t, libstorage.Options{Root: store.Root(), RunRoot: t.TempDir()})
	wantSwept(t, other, 0, "its process lives, in another run root")
	if got, err := other.Container(t.Context(), "one"); err != nil || got.RunDir != info.RunDir || got.Record.State() != libstorage.Running {
		t.Errorf("from another run root: %+v, %v", got, err)
	}
	if _, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Name: "one", ImageID: image}); !errors.Is(err, libstorage.ErrNameTaken) {
		t.Errorf("its name: %v", err)
	}
	if err := store.RemoveContainer(t.Context(), info.Record.ID, nil); !errors.Is(err, libstorage.ErrContainerRunning) {
		t.Errorf("remove a running one: %v", err)
	}
	kill()
	wantSwept(t, store, 1, "its process ended")
	wantNothingLeft(t, other)
}

// A number that another process has got, and a boot that is over, are no life.
func TestSweepIsNotFooled(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	image := addImage(t, store, busybox())
	pid, _ := sleeper(t)
	abandon(t, store, image, func(r *libstorage.Record) { _ = r.Started(pid); r.StartTime-- })
	wantSwept(t, store, 1, "the number was given again")
	abandon(t, store, image, func(r *libstorage.Record) { _ = r.Started(pid); r.BootID = "another" })
	wantSwept(t, store, 1, "the host was restarted")
	abandon(t, store, image, func(*libstorage.Record) {})
	wantSwept(t, store, 1, "never started")

	// The command was killed before it could note the process; the runtime
	// wrote its number.
	info := abandon(t, store, image, func(*libstorage.Record) {})
	file := filepath.Join(info.RunDir, libstorage.PidFile)
	if err := os.WriteFile(file, []byte(fmt.Sprintln(pid)), 0o600); err != nil {
		t.Fatal(err)
	}
	wantSwept(t, store, 0, "the file of the runtime names a living process")
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(file, long, long); err != nil {
		t.Fatal(err)
	}
	wantSwept(t, store, 1, "the process is younger than the file")
}

// The run root is memory: after a restart only the disk knows.
func TestSweepAfterRestart(t *testing.T) {
	forEachDriver(t, func(t *testing.T, driver string) {
		store := openStore(t, libstorage.Options{Driver: driver})
		image := addImage(t, store, busybox())
		info := abandon(t, store, image, func(*libstorage.Record) {})
		_ = exec.Command("umount", info.RunDir+"/merged").Run()
		if err := os.RemoveAll(info.RunDir); err != nil {
			t.Fatal(err)
		}
		// The name can be had at once.
		c, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Name: "one", ImageID: image, Ephemeral: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.Ready(t.Context()), c.Remove(t.Context())); err != nil {
			t.Fatal(err)
		}
		wantSwept(t, store, 0, "the claim swept it")
		wantNothingLeft(t, store)

		info = abandon(t, store, image, func(*libstorage.Record) {})
		_ = exec.Command("umount", info.RunDir+"/merged").Run()
		if err := errors.Join(os.RemoveAll(info.RunDir), os.Truncate(info.Dir+"/lock", 0)); err != nil {
			t.Fatal(err)
		}
		wantSwept(t, store, 1, "what the lock file says is lost, too")
	})
}

func TestSweepAsks(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	image := addImage(t, store, busybox())
	info := abandon(t, store, image, func(*libstorage.Record) {})
	no := errors.New("no")
	removed, err := store.Sweep(t.Context(), func(_ context.Context, c libstorage.ContainerInfo) error {
		if c.Record.ID != info.Record.ID || c.RunDir != info.RunDir {
			t.Errorf("asked about %+v", c)
		}
		return no
	})
	if !errors.Is(err, no) || len(removed) != 0 {
		t.Errorf("Sweep = %q, %v", removed, err)
	}
	wantSwept(t, store, 1, "nobody objects")
}

// What is not ours stays.
func TestSweepLeavesForeignFiles(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	image := addImage(t, store, busybox())
	abandon(t, store, image, func(*libstorage.Record) {})
	foreign := store.Root() + "/tug/ephemeral/notes.txt"
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if removed, err := store.Sweep(t.Context(), nil); err != nil || len(removed) != 1 {
		t.Errorf("Sweep = %q, %v", removed, err)
	}
	if err := os.Remove(foreign); err != nil {
		t.Error(err)
	}
	wantNothingLeft(t, store)
}

// A persistent container survives everything but its removal: its changes are
// there when it is mounted again.
func TestPersistentStays(t *testing.T) {
	forEachDriver(t, func(t *testing.T, driver string) {
		store := openStore(t, libstorage.Options{Driver: driver})
		image := addImage(t, store, busybox())
		c, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Name: "one", ImageID: image})
		if err != nil {
			t.Fatal(err)
		}
		root, err := c.Rootfs().Mount(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(os.WriteFile(root+"/mine", []byte("x"), 0o600), c.Ready(t.Context()), c.Update(func(r *libstorage.Record) { r.Exit(0) }), c.Cleanup())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(c.RunDir()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("after Cleanup the run directory is there: %v", err)
		}
		if _, err := store.OpenContainer(t.Context(), c.ID()); !errors.Is(err, libstorage.ErrContainerLocked) {
			t.Errorf("OpenContainer of one that is held = %v", err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		wantSwept(t, store, 0, "persistent")
		c, err = store.OpenContainer(t.Context(), c.ID())
		if err != nil {
			t.Fatal(err)
		}
		if root, err = c.Rootfs().Mount(t.Context()); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(root + "/mine"); err != nil || string(data) != "x" {
			t.Errorf("its change: %q, %v", data, err)
		}
		if err := c.Remove(t.Context()); err != nil {
			t.Error(err)
		}
		wantNothingLeft(t, store)
	})
}

func TestMounts(t *testing.T) {
	forEachDriver(t, func(t *testing.T, driver string) {
		store := openStore(t, libstorage.Options{Driver: driver})
		image := addImage(t, store, busybox())
		second := addImage(t, store, libstorageRecipe("other", "content"))
		host := t.TempDir()
		if err := os.WriteFile(host+"/file", []byte("host"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, how := range []string{"removed", "abandoned"} {
			c, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Name: "one", ImageID: image, Ephemeral: true})
			if err != nil {
				t.Fatal(err)
			}
			path, err := c.MountImage(t.Context(), second)
			if err != nil {
				t.Fatal(err)
			}
			if data, err := os.ReadFile(path + "/other"); err != nil || string(data) != "content" {
				t.Errorf("mounted image: %q, %v", data, err)
			}
			if _, err := store.Remove(t.Context(), second, libstorage.RemoveOptions{}); driver == "overlay" && !errors.Is(err, libstorage.ErrImageInUse) {
				t.Errorf("remove a mounted image: %v", err)
			}
			over, err := c.MountOverlay(t.Context(), host)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(over+"/file", []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
			if data, err := os.ReadFile(host + "/file"); err != nil || string(data) != "host" {
				t.Errorf("the host's file: %q, %v", data, err)
			}
			if how == "removed" {
				if err := c.Remove(t.Context()); err != nil {
					t.Fatal(err)
				}
			} else if err := errors.Join(c.Ready(t.Context()), c.Close()); err != nil {
				t.Fatal(err)
			} else {
				wantSwept(t, store, 1, "with mounts")
			}
			wantNothingLeft(t, store)
		}
	})
}

func libstorageRecipe(name, content string) recipe {
	return recipe{Layers: []map[string]string{{name: content}}}
}

func TestRootfsOption(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/a", []byte("host"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, overlay := range []bool{false, true} {
		c, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Rootfs: dir, RootfsOverlay: overlay, Ephemeral: true})
		if err != nil {
			t.Fatal(err)
		}
		root, err := c.Rootfs().Mount(t.Context())
		if err != nil || (root == dir) == overlay {
			t.Fatalf("mounted on %s, %v", root, err)
		}
		if err := os.WriteFile(root+"/b", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.Ready(t.Context()), c.Remove(t.Context())); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(dir + "/b"); (err == nil) == overlay {
			t.Errorf("written to the host's directory: %v", err)
		}
		if data, err := os.ReadFile(dir + "/a"); err != nil || string(data) != "host" {
			t.Errorf("the host's file: %q, %v", data, err)
		}
		_ = os.Remove(dir + "/b")
		wantNothingLeft(t, store)
	}
	for _, bad := range []string{dir + "/a", dir + "/none"} {
		if _, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Rootfs: bad}); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
	wantNothingLeft(t, store)
}
