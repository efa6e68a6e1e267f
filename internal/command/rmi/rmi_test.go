// SPDX-License-Identifier: Apache-2.0

package rmi_test

import (
	"strings"
	"testing"

	"github.com/tug-containers/tug/internal/command/rmi"
	"github.com/tug-containers/tug/internal/storetest"
	"github.com/tug-containers/tug/libstorage"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func run(t *testing.T, store *libstorage.Store, args ...string) storetest.Result {
	t.Helper()
	return storetest.Run(t, rmi.New(), store, args...)
}

func open(t *testing.T) *libstorage.Store {
	t.Helper()
	storetest.NeedRoot(t)
	return storetest.Open(t, libstorage.Options{})
}

func TestRemove(t *testing.T) {
	store := open(t)
	id := storetest.Add(t, store, storetest.Busybox("localhost/a:1", "localhost/b:1"))
	for _, tc := range []struct {
		args []string
		want storetest.Result
	}{
		{[]string{"a:1"}, storetest.Result{Stdout: "Untagged: localhost/a:1\n"}},
		{[]string{"b:1"}, storetest.Result{Stdout: "Untagged: localhost/b:1\nDeleted: " + id + "\n"}},
		{[]string{"b:1"}, storetest.Result{Stderr: "Error: b:1: image not known\n", Code: 1}},
		{[]string{"x", "y"}, storetest.Result{Stderr: "Error: x: image not known\nError: y: image not known\n", Code: 1}},
		{[]string{"-i", "b:1"}, storetest.Result{}},
		{[]string{"-f", "b:1"}, storetest.Result{}},
		{[]string{"--all"}, storetest.Result{}},
	} {
		if got := run(t, store, tc.args...); got != tc.want {
			t.Errorf("rmi %q = %+v, want %+v", tc.args, got, tc.want)
		}
	}
}

func TestInUse(t *testing.T) {
	store := open(t)
	id := storetest.Add(t, store, storetest.Busybox("localhost/a:1"))
	c, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Name: "busy", ImageID: id})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"a:1"}, {"-f", "a:1"}, {"-a"}, {"-i", "gone", "a:1"}, {"gone", "a:1"}} {
		got := run(t, store, args...)
		if got.Code != 2 || got.Stdout != "" || !strings.Contains(got.Stderr, "busy") {
			t.Errorf("rmi %q = %+v; want 2, and the container's name", args, got)
		}
	}
	if got := run(t, store, "--error-format=json", "a:1"); !strings.Contains(got.Stderr, `"class":"conflict"`) {
		t.Errorf("%+v", got)
	}
	if err := c.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := run(t, store, "a:1"); got.Code != 0 {
		t.Errorf("once the container is gone: %+v", got)
	}
}

func TestSeveralNames(t *testing.T) {
	store := open(t)
	id := storetest.Add(t, store, storetest.Busybox("localhost/a:1", "localhost/b:1"))
	if got := run(t, store, id); got.Code != 125 || !strings.Contains(got.Stderr, "localhost/a:1, localhost/b:1") {
		t.Errorf("%+v", got)
	}
	if got := run(t, store, "-f", id); got.Code != 0 || strings.Count(got.Stdout, "\n") != 3 {
		t.Errorf("-f: %+v", got)
	}
}

func TestAll(t *testing.T) {
	store := open(t)
	storetest.Add(t, store, storetest.Recipe{Layers: []map[string]string{{"a": "first"}}})
	storetest.Add(t, store, storetest.Busybox("localhost/a:1", "localhost/b:1"))
	storetest.Add(t, store, storetest.Recipe{Layers: []map[string]string{{"z": "z"}}})
	if got := run(t, store, "-a"); got.Code != 0 || strings.Count(got.Stdout, "Deleted: ") != 3 {
		t.Errorf("%+v", got)
	}
	images, err := store.Images(t.Context())
	if err != nil || len(images) != 0 {
		t.Errorf("left: %v, %v", images, err)
	}
}

func TestUsage(t *testing.T) {
	store := open(t)
	for _, args := range [][]string{{}, {"-a", "x"}, {"--nonsense"}} {
		if got := run(t, store, args...); got.Code != 125 || got.Stdout != "" || strings.Count(got.Stderr, "\n") != 1 {
			t.Errorf("rmi %q = %+v", args, got)
		}
	}
}
