// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tug-containers/tug/libstorage"
)

// helperVolume is a container that has a named and an anonymous volume, mounts
// both, and is removed. What stands for its root file system is in the place of
// the image.
func helperVolume(ctx context.Context, store *libstorage.Store, atOnce bool) error {
	dir := os.Getenv("TUG_TEST_IMAGE")
	volumes := []libstorage.VolumeOptions{{Name: "v"}, {Name: libstorage.NewVolumeName(), Anonymous: true}}
	if atOnce {
		fmt.Println("ready")
		if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
			return err
		}
	}
	c, err := store.CreateContainer(ctx, libstorage.ContainerOptions{Rootfs: dir, Ephemeral: true, Volumes: volumes})
	if err != nil {
		return err
	}
	for _, v := range volumes {
		source, err := c.MountVolume(ctx, v.Name, libstorage.VolumeMount{Root: dir, Destination: "/data"})
		if err != nil {
			return err
		}
		if entries, err := os.ReadDir(source.Path); err != nil || len(entries) != 3 {
			return fmt.Errorf("volume %s has %v, %w", v.Name, entries, err)
		}
		if st, err := os.Stat(source.Path); atOnce && err == nil && v.Name == "v" {
			fmt.Println("has", st.Sys())
		}
	}
	return c.Remove(ctx)
}

// volumeCalls are the system calls by which volumes come, are filled and go.
var volumeCalls = append([]string{"fchown", "fchmod", "fsetxattr", "utimensat", "futimesat", "ftruncate", "symlinkat", "syncfs", "copy_file_range", "mknodat"}, changing...)

// A process that makes and fills volumes is killed before every single system
// call that changes something. The volume is as new, or it has all: the next
// container finds it whole, and nothing else is left.
func TestVolumeKilledAnywhere(t *testing.T) {
	needRoot(t)
	if testing.Short() {
		t.Skip("short")
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("condition strace: not installed")
	}
	store, dir := openStore(t, libstorage.Options{}), root(t)
	if err := errors.Join(os.Symlink("a", filepath.Join(dir, "data/link")), os.Remove(filepath.Join(dir, "data/z"))); err != nil {
		t.Fatal(err)
	}
	const all = "a link sub sub/b"
	points, untouched, filled, staged := 0, 0, 0, 0
	for _, call := range volumeCalls {
		for n := 1; ; n++ {
			killed := killedAt(t, store, strace, "volume", dir, call, n)
			when := fmt.Sprintf("killed at %s %d", call, n)
			if v, err := store.Volume(t.Context(), "v"); err == nil {
				if v.Err != nil {
					t.Fatalf("%s: %v", when, v.Err)
				}
				switch got := tree(t, v.Path); {
				case got == "" && v.NeedsCopyUp:
					untouched++
				case got == all:
					filled++
				default:
					t.Errorf("%s: the volume has %q, and is new: %v", when, got, v.NeedsCopyUp)
				}
				if _, err := os.Lstat(filepath.Join(filepath.Dir(v.Path), "staged")); err == nil {
					staged++
				}
			}
			if _, err := store.Sweep(t.Context(), nil); err != nil {
				t.Fatalf("%s: %v", when, err)
			}
			volumeRecovers(t, store, dir, all, when)
			if !killed {
				break
			}
			points++
		}
	}
	t.Logf("killed at %d points: %d times the volume was new, %d times full; %d times a copy was begun", points, untouched, filled, staged)
	if points < 60 || untouched < 10 || filled < 10 || staged < 5 {
		t.Error("too few of a kind")
	}
}

// volumeRecovers uses what a killed process left, and removes it.
func volumeRecovers(t *testing.T, store *libstorage.Store, dir, all, when string) {
	t.Helper()
	c, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Rootfs: dir, Volumes: []libstorage.VolumeOptions{{Name: "v"}}})
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	if got := tree(t, mountVolume(t, c, "v", libstorage.VolumeMount{Root: dir, Destination: "/data"}).Path); got != all {
		t.Errorf("%s: the next container has %q", when, got)
	}
	if err := c.Remove(t.Context()); err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	if _, err := store.CollectVolumes(t.Context()); err != nil {
		t.Errorf("%s: %v", when, err)
	}
	if err := store.RemoveVolume(t.Context(), "v"); err != nil {
		t.Errorf("%s: %v", when, err)
	}
	if found := append(leftOfVolumes(t, store), left(t, store)...); len(found) > 0 {
		t.Fatalf("%s: left behind: %q", when, found)
	}
}

// F21: eight at once make and remove a volume of one name. Each time one makes it
// and one removes it, and the others are told why not.
func TestF21VolumeCreateAndRemove(t *testing.T) {
	store := openStore(t, libstorage.Options{})
	for range 20 {
		made, removed := make(chan error, 8), make(chan error, 8)
		for range 8 {
			go func() {
				_, err := store.CreateVolume(t.Context(), libstorage.VolumeOptions{Name: "v"})
				made <- err
			}()
		}
		winners := 0
		for range 8 {
			if err := <-made; err == nil {
				winners++
			} else if !errors.Is(err, libstorage.ErrVolumeExists) {
				t.Error(err)
			}
		}
		for range 8 {
			go func() { removed <- store.RemoveVolume(t.Context(), "v") }()
		}
		for range 8 {
			if err := <-removed; err == nil {
				winners++
			} else if !errors.Is(err, libstorage.ErrVolumeUnknown) {
				t.Error(err)
			}
		}
		if winners != 2 {
			t.Fatalf("%d have made or removed it", winners)
		}
	}
	if left := leftOfVolumes(t, store); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// Sixteen containers start at once with one new volume: one copies, and all see
// the same directory with all in it.
func TestVolumeAtOnce(t *testing.T) {
	needRoot(t)
	store, dir := openStore(t, libstorage.Options{}), root(t)
	for i := range 200 {
		if err := os.WriteFile(filepath.Join(dir, "data/sub", strconv.Itoa(i)), make([]byte, 1000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	type run struct {
		stdin  io.Closer
		stdout *bufio.Reader
		wait   func() error
	}
	var runs []run
	for range 16 {
		cmd := helperCommand(t, store, "volume-at-once", dir)
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		r := run{stdin, bufio.NewReader(stdout), cmd.Wait}
		if line, err := r.stdout.ReadString('\n'); line != "ready\n" {
			t.Fatalf("%q, %v", line, err)
		}
		runs = append(runs, r)
	}
	for _, r := range runs {
		if err := r.stdin.Close(); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for _, r := range runs {
		out, err := io.ReadAll(r.stdout)
		if werr := r.wait(); err != nil || werr != nil {
			t.Errorf("%v, %v: %s", err, werr, out)
		}
		inode := strings.Fields(string(out))
		if len(inode) < 3 {
			t.Fatalf("%q", out)
		}
		seen[inode[1]+" "+inode[2]] = true // &{device inode ...
	}
	if len(seen) != 1 {
		t.Errorf("several directories were mounted: %v", seen)
	}
	if left := leftOfVolumes(t, store); len(left) != 1 {
		t.Errorf("left: %q", left)
	}
}
