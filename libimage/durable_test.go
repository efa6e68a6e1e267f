// SPDX-License-Identifier: Apache-2.0

package libimage_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tug-containers/tug/internal/storetest"
	"github.com/tug-containers/tug/libimage"
	"github.com/tug-containers/tug/libstorage"
	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/registry/hostile"
)

// TestDurable cuts the power when a pull and a tag have returned: what is on the
// disk then is a whole image, with both names. The disk is a file; a copy of it has what was flushed
// and nothing else.
func TestDurable(t *testing.T) {
	storetest.NeedRoot(t)
	dir := t.TempDir()
	disk, after := filepath.Join(dir, "disk"), filepath.Join(dir, "after")
	if out, err := exec.Command("truncate", "-s", "96M", disk).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", disk).CombinedOutput(); err != nil {
		t.Skipf("condition mkfs.ext4: %v: %s", err, out)
	}
	server := hostile.New(t, hostile.Options{})
	name := server.Add(smallImage(t, func(i *images.Image) {
		for n := range 50 {
			i.Layers[0].Entries = append(i.Layers[0].Entries, images.File(fmt.Sprintf("file%d", n), 0o644, "some content"))
		}
	}), "app")
	mount := mountDisk(t, disk, filepath.Join(dir, "before-mnt"))
	store := storetest.Open(t, libstorage.Options{Root: filepath.Join(mount, "root")})
	got := mustPull(t, store, name, libimage.PullOptions{Access: plain(t)})
	if err := store.Tag(t.Context(), got.ID, "localhost/second"); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "--sparse=always", disk, after).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	survived := storetest.Open(t, libstorage.Options{Root: filepath.Join(mountDisk(t, after, filepath.Join(dir, "after-mnt")), "root")})
	img, err := survived.Image(t.Context(), name)
	if err != nil || img.ID != got.ID {
		t.Fatalf("%+v %v", img, err)
	}
	if _, err := survived.Image(t.Context(), "localhost/second"); err != nil {
		t.Errorf("a tag that was given: %v", err)
	}
	if _, err := survived.RawConfig(t.Context(), img.ID); err != nil {
		t.Error(err)
	}
	root, err := survived.Library().Mount(img.TopLayer, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = survived.Library().Unmount(img.TopLayer, true) }()
	files := 0
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() == 0 {
			t.Errorf("%s is empty", path)
		}
		files++
		return err
	})
	if err != nil || files < 50 {
		t.Errorf("%d files, %v", files, err)
	}
}

// mountDisk mounts a file until the test ends.
func mountDisk(t *testing.T, disk, dir string) string {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-o", "loop", disk, dir).CombinedOutput(); err != nil {
		t.Skipf("condition loop devices: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-R", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return dir
}
