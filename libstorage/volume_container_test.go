// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
)

func isClass(err error, class errclass.Class) bool {
	got, _ := errclass.Of(err)
	return err != nil && got == class
}

func owner(t *testing.T, path string) (uid, gid int) {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		t.Fatal(err)
	}
	return int(st.Uid), int(st.Gid)
}

// root is a directory that stands for a container's root file system: it has
// three files in /data, and an empty /bare.
func root(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"data/sub", "bare"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"data/a", "data/sub/b", "data/z"} {
		if err := os.WriteFile(filepath.Join(dir, f), []byte(f), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chown(filepath.Join(dir, "data"), 1000, 100), os.Chmod(filepath.Join(dir, "data"), 0o750), os.Chown(filepath.Join(dir, "bare"), 7, 8)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func withVolumes(t *testing.T, store *libstorage.Store, dir string, volumes ...libstorage.VolumeOptions) *libstorage.Container {
	t.Helper()
	return createContainer(t, store, libstorage.ContainerOptions{Rootfs: dir, Volumes: volumes})
}

func tree(t *testing.T, dir string) string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && path != dir {
			names = append(names, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}

func mountVolume(t *testing.T, c *libstorage.Container, name string, m libstorage.VolumeMount) libstorage.VolumeSource {
	t.Helper()
	source, err := c.MountVolume(t.Context(), name, m)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

const whole = "a sub sub/b z"

func TestVolumeCopyUp(t *testing.T) {
	needRoot(t)
	store, dir := openStore(t, libstorage.Options{}), root(t)
	c := withVolumes(t, store, dir, libstorage.VolumeOptions{Name: "v"}, libstorage.VolumeOptions{Name: "empty"}, libstorage.VolumeOptions{Name: "used"}, libstorage.VolumeOptions{Name: "nocopy"})
	data := libstorage.VolumeMount{Root: dir, Destination: "/data"}

	v := mountVolume(t, c, "v", data)
	if got := tree(t, v.Path); got != whole || v.Chown {
		t.Errorf("copied: %q, %+v", got, v)
	}
	if uid, gid := owner(t, v.Path); uid != 1000 || gid != 100 {
		t.Errorf("owner %d:%d", uid, gid)
	}
	if got, err := store.Volume(t.Context(), "v"); err != nil || got.NeedsCopyUp || got.NeedsChown {
		t.Errorf("afterwards: %+v, %v", got, err)
	}
	// What was deleted on purpose does not come back.
	for _, name := range []string{"a", "sub/b", "sub", "z"} {
		if err := os.Remove(filepath.Join(v.Path, name)); err != nil {
			t.Fatal(err)
		}
	}
	if v := mountVolume(t, c, "v", data); tree(t, v.Path) != "" {
		t.Errorf("copied twice: %q", tree(t, v.Path))
	}

	// Nothing there: the container's user gets it, once.
	none := libstorage.VolumeMount{Root: dir, Destination: "/none"}
	if v := mountVolume(t, c, "empty", none); !v.Chown {
		t.Errorf("without a place: %+v", v)
	}
	if v := mountVolume(t, c, "empty", none); v.Chown {
		t.Errorf("the second time: %+v", v)
	}

	// What is in a volume stays, also in one that was never mounted (CVE-2020-1726).
	used, err := store.Volume(t.Context(), "used")
	if err == nil {
		err = os.WriteFile(filepath.Join(used.Path, "mine"), nil, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if v := mountVolume(t, c, "used", data); tree(t, v.Path) != "mine" {
		t.Errorf("a volume with data: %q", tree(t, v.Path))
	}

	nocopy := data
	nocopy.NoCopy = true
	if v := mountVolume(t, c, "nocopy", nocopy); tree(t, v.Path) != "" {
		t.Errorf("nocopy: %q", tree(t, v.Path))
	} else if uid, gid := owner(t, v.Path); uid != 1000 || gid != 100 {
		t.Errorf("nocopy: owner %d:%d", uid, gid)
	}
	// The container has it mounted: another gets no directory of its own.
	other := withVolumes(t, store, dir, libstorage.VolumeOptions{Name: "nocopy"})
	if v := mountVolume(t, other, "nocopy", data); tree(t, v.Path) != "" {
		t.Errorf("a volume that is mounted empty was exchanged: %q", tree(t, v.Path))
	}
	if err := errors.Join(other.Remove(t.Context()), c.Remove(t.Context())); err != nil {
		t.Fatal(err)
	}
	again := withVolumes(t, store, dir, libstorage.VolumeOptions{Name: "nocopy"})
	if v := mountVolume(t, again, "nocopy", data); tree(t, v.Path) != whole {
		t.Errorf("a volume that nobody has mounted: %q", tree(t, v.Path))
	}
}

// A link at the place leads inside the root, wherever it points to.
func TestVolumeCopyUpStaysInside(t *testing.T) {
	needRoot(t)
	store, dir := openStore(t, libstorage.Options{}), root(t)
	canary := t.TempDir()
	if err := errors.Join(
		os.WriteFile(filepath.Join(canary, "secret"), nil, 0o600),
		os.Symlink(canary, filepath.Join(dir, "out")),
		os.Symlink("../../../../../../.."+canary, filepath.Join(dir, "up")),
		os.Symlink("/data", filepath.Join(dir, "in")),
	); err != nil {
		t.Fatal(err)
	}
	for destination, want := range map[string]string{"/out": "", "/up": "", "/in": whole, "/../../data": whole, "/data/a": ""} {
		name := libstorage.NewVolumeName()
		c := withVolumes(t, store, dir, libstorage.VolumeOptions{Name: name})
		if v := mountVolume(t, c, name, libstorage.VolumeMount{Root: dir, Destination: destination}); tree(t, v.Path) != want {
			t.Errorf("%s: %q", destination, tree(t, v.Path))
		}
	}
}

func TestVolumeUsers(t *testing.T) {
	needRoot(t)
	store, dir := openStore(t, libstorage.Options{}), root(t)
	ctx := t.Context()
	named, own := libstorage.VolumeOptions{Name: "named"}, libstorage.VolumeOptions{Name: libstorage.NewVolumeName(), Anonymous: true}
	c := withVolumes(t, store, dir, named, own)
	second := withVolumes(t, store, dir, named)
	err := store.RemoveVolume(ctx, "named")
	var used *libstorage.VolumeInUseError
	if !errors.As(err, &used) || len(used.Users) != 2 || !isClass(err, errclass.Conflict) || !strings.Contains(err.Error(), c.Name()) {
		t.Errorf("remove: %v", err)
	}
	if err := second.Remove(ctx); err != nil {
		t.Fatal(err)
	}
	// Without its volumes: the anonymous one stays, for ever.
	if err := c.Remove(ctx); err != nil {
		t.Fatal(err)
	}
	if done, err := store.CollectVolumes(ctx); err != nil || len(done) > 0 {
		t.Errorf("collected: %q, %v", done, err)
	}
	if left := leftOfVolumes(t, store); len(left) != 2 {
		t.Errorf("left: %q", left)
	}
	// With them: whoever made it.
	again := withVolumes(t, store, dir, named, own)
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if err := store.RemoveContainerAndVolumes(ctx, again.ID(), nil); err != nil {
		t.Fatal(err)
	}
	if left := leftOfVolumes(t, store); len(left) != 1 || left[0] != "named" {
		t.Errorf("left: %q", left)
	}
	// What is removed with its process takes them along.
	for _, opts := range []libstorage.ContainerOptions{{Ephemeral: true}} {
		opts.Rootfs, opts.Volumes = dir, []libstorage.VolumeOptions{named, own, {Name: libstorage.NewVolumeName(), Anonymous: true}}
		c := createContainer(t, store, opts)
		if left := leftOfVolumes(t, store); len(left) != 3 {
			t.Errorf("has: %q", left)
		}
		if err := c.Remove(ctx); err != nil {
			t.Fatal(err)
		}
		if left := leftOfVolumes(t, store); len(left) != 1 {
			t.Errorf("left: %q", left)
		}
	}
	if err := store.RemoveVolume(ctx, "named"); err != nil {
		t.Error(err)
	}
}

func TestVolumeFilesystem(t *testing.T) {
	needRoot(t)
	store, dir := openStore(t, libstorage.Options{}), root(t)
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "there"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	createVolume(t, store, libstorage.VolumeOptions{Name: "memory", Options: map[string]string{"type": "tmpfs", "device": "tmpfs", "o": "size=1m,uid=5,nodev"}})
	createVolume(t, store, libstorage.VolumeOptions{Name: "bound", Options: map[string]string{"type": "none", "device": outside, "o": "bind"}})
	all := []libstorage.VolumeOptions{{Name: "memory"}, {Name: "bound"}}
	first, second := withVolumes(t, store, dir, all...), withVolumes(t, store, dir, all...)
	m := libstorage.VolumeMount{Root: dir, Destination: "/data"}
	memory := mountVolume(t, first, "memory", m).Path
	if uid, _ := owner(t, memory); uid != 5 {
		t.Errorf("owner %d", uid)
	}
	if err := os.WriteFile(filepath.Join(memory, "shared"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := tree(t, mountVolume(t, second, "memory", m).Path); got != "shared" {
		t.Errorf("the second container has %q", got)
	}
	bound := mountVolume(t, first, "bound", m).Path
	if got := tree(t, bound); got != "there" {
		t.Errorf("bound: %q", got)
	}
	if err := first.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if tree(t, bound) != "" || tree(t, memory) != "shared" {
		t.Errorf("after the first: %q, %q", tree(t, bound), tree(t, memory))
	}
	if err := second.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if tree(t, memory) != "" || tree(t, outside) != "there" {
		t.Errorf("after the second: %q, %q", tree(t, memory), tree(t, outside))
	}
}

func TestVolumeSubpath(t *testing.T) {
	needRoot(t)
	store, dir := openStore(t, libstorage.Options{}), root(t)
	c := withVolumes(t, store, dir, libstorage.VolumeOptions{Name: "v"})
	m := libstorage.VolumeMount{Root: dir, Destination: "/data"}
	v := mountVolume(t, c, "v", m)
	if err := os.Symlink("/etc", filepath.Join(v.Path, "out")); err != nil {
		t.Fatal(err)
	}
	m.Subpath = "sub"
	if got := tree(t, mountVolume(t, c, "v", m).Path); got != "b" {
		t.Errorf("subpath: %q", got)
	}
	m.Subpath = "sub/b"
	if data, err := os.ReadFile(mountVolume(t, c, "v", m).Path); err != nil || string(data) != "data/sub/b" {
		t.Errorf("a file: %q, %v", data, err)
	}
	for _, m.Subpath = range []string{"none", "out", "out/passwd", "../lock"} {
		if source, err := c.MountVolume(t.Context(), "v", m); err == nil {
			t.Errorf("%s: %+v", m.Subpath, source)
		}
	}
}
