// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tug-containers/tug/libstorage"
	"go.podman.io/storage"
	"golang.org/x/sys/unix"
)

func podman(t *testing.T, store *libstorage.Store, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("podman")
	if err != nil {
		t.Skip("condition podman: not installed")
	}
	cmd := exec.Command(path, append([]string{
		"--root", store.Root(), "--runroot", store.RunRoot(), "--storage-driver", store.Driver(),
		"--tmpdir", filepath.Join(store.RunRoot(), "libpod"), "--cgroup-manager", "cgroupfs", "--events-backend", "none",
	}, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// unmountGraphRoot undoes what podman does to a graph root and never undoes.
func unmountGraphRoot(t *testing.T, store *libstorage.Store) {
	t.Cleanup(func() { _ = exec.Command("umount", store.Root()+"/overlay").Run() })
}

// A process that is stopped while it has the list of containers locked keeps
// nobody from giving up.
func TestLeaseOfLockedList(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	id := addImage(t, store, busybox("localhost/box:1"))
	c, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{ImageID: id, Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	lock := lockList(t, store)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err = within(t, func() error {
		_ = c.Ready(ctx)
		return c.Close()
	})
	if err := errors.Join(err, lock.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Sweep(t.Context(), nil); err != nil {
		t.Error(err)
	}
	wantNothingLeft(t, store)
}

// A lease without a container keeps its image too, until it is released.
func TestLeaseOfOthers(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	id := addImage(t, store, busybox("localhost/box:1"))
	user := filepath.Join(store.Root(), "user")
	if err := os.Mkdir(user, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := store.AcquireLease(t.Context(), id, user, false); err != nil {
		t.Fatal(err)
	}
	_, err := store.Remove(t.Context(), "box:1", libstorage.RemoveOptions{})
	if !errors.Is(err, libstorage.ErrImageInUse) || !strings.Contains(err.Error(), "tug-lease-") {
		t.Errorf("Remove = %v", err)
	}
	if err := store.ReleaseLease(t.Context(), id, user); err != nil {
		t.Error(err)
	}
	if _, err := store.Remove(t.Context(), "box:1", libstorage.RemoveOptions{}); err != nil {
		t.Error(err)
	}
	wantNothingLeft(t, store)
}

func TestOpenLockedStore(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	opts := libstorage.Options{Root: store.Root(), RunRoot: t.TempDir(), Driver: store.Driver()}
	lock := lockList(t, store)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := within(t, func() error {
		_, err := libstorage.Open(ctx, opts)
		return err
	})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), store.Root()) {
		t.Errorf("Open = %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Error(err)
	}
	// What was given up goes on for a moment, and makes files of its own.
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if os.RemoveAll(store.Root()) == nil && !opening() {
			return
		}
	}
	t.Error("the opening does not end")
}

// opening tells whether a goroutine is still in the library that opens a store.
func opening() bool {
	stacks := make([]byte, 1<<20)
	return strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "go.podman.io/storage.GetStore")
}

// lockList locks the list of containers as another process does.
func lockList(t *testing.T, store *libstorage.Store) *os.File {
	t.Helper()
	lock, err := os.OpenFile(store.Root()+"/overlay-containers/containers.lock", os.O_RDWR, 0)
	if err == nil {
		err = unix.FcntlFlock(lock.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	}
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

func within(t *testing.T, do func() error) error {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- do() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(time.Minute):
		t.Fatal("waits for ever")
		return nil
	}
}

func TestLeaseKeepsImage(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	unmountGraphRoot(t, store)
	id := addImage(t, store, busybox("localhost/box:1"))
	c1, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Name: "one", ImageID: id, Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := c1.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	c2 := createContainer(t, store, libstorage.ContainerOptions{ImageID: id})

	refused := func(when string) {
		t.Helper()
		if _, err := store.Library().DeleteImage(id, true); !errors.Is(err, storage.ErrImageUsedByContainer) {
			t.Fatalf("%s: DeleteImage = %v; want %v", when, err, storage.ErrImageUsedByContainer)
		}
		var used *libstorage.InUseError
		_, err := store.Remove(t.Context(), "box:1", libstorage.RemoveOptions{Force: true})
		if !errors.As(err, &used) || !used.Users[0].Ours {
			t.Fatalf("%s: Remove = %v; want one that names our containers", when, err)
		}
		out, err := podman(t, store, "rmi", id)
		if err == nil || !strings.Contains(out, "in use by a container") {
			t.Fatalf("%s: podman rmi: %v: %s", when, err, out)
		}
		if out, err := podman(t, store, "ps", "-a", "--external", "--format", "{{.Names}} {{.Image}}"); err != nil || !strings.Contains(out, "tug-lease-"+id[:12]) {
			t.Errorf("%s: podman ps: %v: %s", when, err, out)
		}
		if out, err := podman(t, store, "image", "prune", "-a", "-f"); err != nil || out != "" {
			t.Errorf("%s: podman image prune: %v: %s", when, err, out)
		}
		report, err := store.Library().Check(storage.CheckMost())
		if err != nil || len(report.Containers) > 0 || len(report.Images) > 0 {
			t.Errorf("%s: the library's check finds %+v, %v", when, report, err)
		}
	}
	refused("two containers")
	if err := c1.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused("one container left")
	// Another tool takes the lease by force: the next container renews it.
	containers, err := store.Library().Containers()
	if err != nil || len(containers) != 1 {
		t.Fatalf("containers = %v, %v; want the lease alone", containers, err)
	}
	if err := store.Library().DeleteContainer(containers[0].ID); err != nil {
		t.Fatal(err)
	}
	c3 := createContainer(t, store, libstorage.ContainerOptions{ImageID: id, Ephemeral: true})
	refused("lease renewed")
	for _, c := range []*libstorage.Container{c2, c3} {
		if err := c.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	wantNothingLeft(t, store)
	if out, err := podman(t, store, "rmi", id); err != nil {
		t.Errorf("podman rmi of an image that is free: %v: %s", err, out)
	}
}

// What other tools have in the list of containers stays, with fields that
// nobody here knows.
func TestLeaseKeepsOthersRecords(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	id := addImage(t, store, busybox())
	other, err := store.Library().CreateContainer("", []string{"theirs"}, id, "", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	path := store.Root() + "/overlay-containers/containers.json"
	list, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.Replace(string(list), `{"id":`, `{"from-the-future":{"a":[1,2]},"id":`, 1)
	if err := os.WriteFile(path, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	c := createContainer(t, store, libstorage.ContainerOptions{ImageID: id, Ephemeral: true})
	if list, err := store.Library().Containers(); err != nil || len(list) != 2 {
		t.Errorf("containers = %v, %v; want theirs and the lease", list, err)
	}
	if err := c.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != edited {
		t.Errorf("list after = %s, %v\nwant %s", after, err, edited)
	}
	if list, err := store.Library().Containers(); err != nil || len(list) != 1 || list[0].ID != other.ID {
		t.Errorf("containers = %v, %v; want theirs", list, err)
	}
}

func TestLeaseOfUnknownImage(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	_, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{ImageID: strings.Repeat("ab", 32), Ephemeral: true})
	if !errors.Is(err, libstorage.ErrImageUnknown) {
		t.Errorf("CreateContainer = %v", err)
	}
	// The layers are known from a cache, and the image went meanwhile.
	c, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{
		ImageID: strings.Repeat("ab", 32), Ephemeral: true, Layers: []string{"overlay/l/A"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Ready(t.Context()); !errors.Is(err, libstorage.ErrImageUnknown) {
		t.Errorf("Ready = %v", err)
	}
	if err := c.Remove(t.Context()); err != nil {
		t.Error(err)
	}
	wantNothingLeft(t, store)
}

// Containers come and go while somebody removes the image: it is refused, or
// the container is; never both happen.
func TestLeaseRace(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	for range 10 {
		id := addImage(t, store, busybox("localhost/box:1"))
		var wg sync.WaitGroup
		var kept bool
		var removal error
		wg.Add(2)
		go func() {
			defer wg.Done()
			for range 8 {
				c, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{ImageID: id, Ephemeral: true})
				if err == nil {
					if err = c.Ready(t.Context()); err == nil {
						if _, err := c.Rootfs().Mount(t.Context()); err != nil {
							t.Errorf("the lease is held, and the image does not mount: %v", err)
						}
						kept = true
					}
					if err := c.Remove(t.Context()); err != nil {
						t.Error(err)
					}
				}
				if err != nil && !errors.Is(err, libstorage.ErrImageUnknown) && !errors.Is(err, libstorage.ErrDamaged) {
					t.Errorf("CreateContainer: %v", err)
				}
			}
		}()
		go func() {
			defer wg.Done()
			_, removal = store.Remove(t.Context(), id, libstorage.RemoveOptions{Force: true})
		}()
		wg.Wait()
		if removal != nil && !errors.Is(removal, libstorage.ErrImageInUse) {
			t.Errorf("Remove = %v (a container was there: %v)", removal, kept)
		}
		if removal != nil {
			if _, err := store.Remove(t.Context(), id, libstorage.RemoveOptions{Force: true}); err != nil {
				t.Error(err)
			}
		}
		wantNothingLeft(t, store)
	}
}
