// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tug-containers/tug/internal/storetest"
	"github.com/tug-containers/tug/libstorage"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// Two commands with one --cidfile: the one that comes second leaves the file of
// the first as it is. Here the first writes it while the second pulls.
func TestCIDFileOfAnother(t *testing.T) {
	storetest.NeedRoot(t)
	store := storetest.Open(t, libstorage.Options{})
	id := storetest.Add(t, store, storetest.Busybox("localhost/a:1"))
	file := filepath.Join(t.TempDir(), "cid")
	pull := filepath.Join(t.TempDir(), "pull")
	script := "#!/bin/sh\nprintf theirs >" + file + "\necho " + id + "\n"
	if err := os.WriteFile(pull, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Run(t.Context(), store, Options{Image: "localhost/b:1", Puller: []string{pull}, CIDFile: file, Remove: true})
	if err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("Run = %v", err)
	}
	if data, err := os.ReadFile(file); string(data) != "theirs" {
		t.Errorf("the file of the other: %q, %v", data, err)
	}
}

// A container that never started leaves no file that speaks of it.
func TestCIDFileOfNone(t *testing.T) {
	storetest.NeedRoot(t)
	store := storetest.Open(t, libstorage.Options{})
	storetest.Add(t, store, storetest.Busybox("localhost/a:1"))
	file := filepath.Join(t.TempDir(), "cid")
	if _, err := Run(t.Context(), store, Options{Image: "localhost/a:1", CIDFile: file}); err == nil {
		t.Error("an image without /bin/sh was run")
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the file is left: %v", err)
	}
}

// What is left of a container does not stay because its runtime is gone.
func TestSweepWithoutItsRuntime(t *testing.T) {
	storetest.NeedRoot(t)
	store := storetest.Open(t, libstorage.Options{})
	if _, err := findRuntime(t.Context(), store, ""); err != nil {
		t.Skip("condition runtime:", err)
	}
	id := storetest.Add(t, store, storetest.Busybox("localhost/a:1"))
	c, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{ImageID: id, Ephemeral: true, Runtime: "/none/crun"})
	if err == nil {
		err = c.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := Sweep(t.Context(), store); err != nil {
		t.Error(err)
	}
	if left, err := store.Containers(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
