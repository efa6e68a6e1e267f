// SPDX-License-Identifier: Apache-2.0

package volume_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tug-containers/tug/internal/command/volume"
	"github.com/tug-containers/tug/internal/events"
	"github.com/tug-containers/tug/internal/storetest"
	"github.com/tug-containers/tug/libstorage"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func run(t *testing.T, store *libstorage.Store, args ...string) storetest.Result {
	t.Helper()
	return storetest.Run(t, volume.New(), store, args...)
}

func open(t *testing.T) *libstorage.Store {
	t.Helper()
	storetest.NeedRoot(t)
	return storetest.Open(t, libstorage.Options{})
}

// with makes a container that has a volume.
func with(t *testing.T, store *libstorage.Store, name string, volumes ...libstorage.VolumeOptions) *libstorage.Container {
	t.Helper()
	id := storetest.Add(t, store, storetest.Busybox("localhost/a:1"))
	c, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Name: name, ImageID: id, Volumes: volumes})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCreateAndRemove(t *testing.T) {
	store := open(t)
	for _, tc := range []struct {
		args []string
		want storetest.Result
	}{
		{[]string{"create", "-l", "a=b", "-l", "c", "one"}, storetest.Result{Stdout: "one\n"}},
		{[]string{"create", "one"}, storetest.Result{Stderr: "Error: volume with name one already exists: volume already exists\n", Code: 125}},
		{[]string{"create", "--ignore", "one"}, storetest.Result{Stdout: "one\n"}},
		{[]string{"create", "-o", "nocopy", "other"}, storetest.Result{Stdout: "other\n"}},
		{[]string{"exists", "one"}, storetest.Result{}},
		{[]string{"exists", "on"}, storetest.Result{Code: 1}},
		{[]string{"ls", "-q"}, storetest.Result{Stdout: "one\nother\n"}},
		{[]string{"list"}, storetest.Result{Stdout: "DRIVER      VOLUME NAME\nlocal       one\nlocal       other\n"}},
		{[]string{"ls", "-n", "-f", "label=a=b"}, storetest.Result{Stdout: "local       one\n"}},
		{[]string{"ls", "-q", "-f", "label!=a"}, storetest.Result{Stdout: "other\n"}},
		{[]string{"ls", "-q", "-f", "label=a", "-f", "label=x"}, storetest.Result{}},
		{[]string{"ls", "-q", "-f", "name=^o", "-f", "name=x"}, storetest.Result{Stdout: "one\nother\n"}},
		{[]string{"ls", "-q", "-f", "since=one"}, storetest.Result{Stdout: "other\n"}},
		{[]string{"ls", "-q", "-f", "opt=nocopy", "-f", "until=0s", "-f", "dangling=true", "-f", "anonymous=false", "-f", "driver=local", "-f", "scope=local"}, storetest.Result{Stdout: "other\n"}},
		{[]string{"ls", "--format", "{{.Name}} {{.Labels.c}}|{{.Scope}}", "-f", "name=one"}, storetest.Result{Stdout: "one |local\n"}},
		{[]string{"inspect", "-f", "{{.Name}} {{.MountCount}}", "on"}, storetest.Result{Stdout: "one 0\n"}},
		{[]string{"inspect", "nothing"}, storetest.Result{Stdout: "[]\n", Stderr: "Error: inspecting object: no such volume nothing\n", Code: 125}},
		{[]string{"rm", "o"}, storetest.Result{Stderr: "Error: o: volume name is ambiguous\n", Code: 125}},
		{[]string{"rm", "one", "nothing"}, storetest.Result{Stdout: "one\n", Stderr: "Error: no volume with name \"nothing\" found: no such volume\n", Code: 1}},
		{[]string{"rm", "-f", "nothing"}, storetest.Result{}},
		{[]string{"remove", "-a"}, storetest.Result{Stdout: "other\n"}},
		{[]string{"ls", "-q"}, storetest.Result{}},
		{[]string{"inspect", "--all"}, storetest.Result{Stdout: "[]\n"}},
	} {
		if got := run(t, store, tc.args...); got != tc.want {
			t.Errorf("volume %q = %+v, want %+v", tc.args, got, tc.want)
		}
	}
	made := run(t, store, "create")
	if name := strings.TrimSpace(made.Stdout); made.Code != 0 || len(name) != 64 {
		t.Errorf("create without a name: %+v", made)
	}
	log, err := os.ReadFile(events.Path(store.Root()))
	if err != nil || strings.Count(string(log), `"action":"create"`) != 3 || strings.Count(string(log), `"action":"remove"`) != 2 {
		t.Errorf("events: %v\n%s", err, log)
	}
}

func TestInspect(t *testing.T) {
	store := open(t)
	run(t, store, "create", "-l", "a=b", "-o", "o=uid=5,gid=6", "one")
	got := run(t, store, "inspect", "one")
	var list []map[string]any
	if err := json.Unmarshal([]byte(got.Stdout), &list); err != nil || len(list) != 1 {
		t.Fatalf("%+v: %v", got, err)
	}
	one := list[0]
	path := filepath.Join(store.Root(), "tug/volumes/one/_data")
	if one["Name"] != "one" || one["Driver"] != "local" || one["Scope"] != "local" || one["Mountpoint"] != path || one["UID"] != 5.0 || one["GID"] != 6.0 {
		t.Errorf("%v", one)
	}
	if labels, ok := one["Labels"].(map[string]any); !ok || labels["a"] != "b" {
		t.Errorf("labels: %v", one["Labels"])
	}
}

func TestInUse(t *testing.T) {
	store := open(t)
	c := with(t, store, "keeper", libstorage.VolumeOptions{Name: "used"})
	run(t, store, "create", "free")
	for _, args := range [][]string{{"rm", "used"}, {"rm", "gone", "used"}, {"rm", "-a"}} {
		run(t, store, "create", "--ignore", "free")
		if got := run(t, store, args...); got.Code != 2 || !strings.Contains(got.Stderr, "keeper") {
			t.Errorf("volume %q = %+v", args, got)
		}
	}
	run(t, store, "create", "--ignore", "-l", "keep", "kept")
	run(t, store, "create", "--ignore", "free")
	if got := run(t, store, "prune", "-f", "--filter", "label!=keep"); got != (storetest.Result{Stdout: "free\n"}) {
		t.Errorf("prune: %+v", got)
	}
	if err := c.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := run(t, store, "rm", "used"); got != (storetest.Result{Stdout: "used\n"}) {
		t.Errorf("once the container is gone: %+v", got)
	}
}

func TestDamaged(t *testing.T) {
	store := open(t)
	run(t, store, "create", "good")
	run(t, store, "create", "bad")
	if err := os.WriteFile(filepath.Join(store.Root(), "tug/volumes/bad/volume.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := run(t, store, "ls"); got.Code != 125 || got.Stdout != "DRIVER      VOLUME NAME\n<damaged>   bad\nlocal       good\n" {
		t.Errorf("ls: %+v", got)
	}
	if got := run(t, store, "inspect", "bad"); got.Code != 125 || !strings.Contains(got.Stdout, `"Damage"`) {
		t.Errorf("inspect: %+v", got)
	}
	if got := run(t, store, "prune", "-f"); got != (storetest.Result{Stdout: "good\n"}) {
		t.Errorf("prune: %+v", got)
	}
	if got := run(t, store, "rm", "bad"); got != (storetest.Result{Stdout: "bad\n"}) {
		t.Errorf("rm: %+v", got)
	}
}

func TestUsage(t *testing.T) {
	store := open(t)
	for _, args := range [][]string{
		{}, {"frobnicate"}, {"create", "a", "b"}, {"create", "a/b"}, {"create", ""}, {"create", "-d", "nfs", "x"}, {"create", "-o", "x=y", "x"},
		{"rm"}, {"rm", "-a", "x"}, {"inspect"}, {"ls", "x"}, {"ls", "-q", "--format", "json"}, {"ls", "-f", "colour=red"},
		{"ls", "-f", "since=none"}, {"ls", "-f", "name=("}, {"ls", "-f", "dangling=maybe"}, {"prune", "--filter", "dangling=true"}, {"exists"},
		{"create", "-l", "=x", "y"}, {"ls", "-f", "until=never"},
	} {
		run(t, store, "create", "--ignore", "there") // for since
		if got := run(t, store, args...); got.Code != 125 || got.Stdout != "" || strings.Count(got.Stderr, "\n") != 1 {
			t.Errorf("volume %q = %+v", args, got)
		}
	}
}

func TestComplete(t *testing.T) {
	store := open(t)
	for _, name := range []string{"alpha", "beta"} {
		run(t, store, "create", name)
	}
	globals := []string{"--root", store.Root(), "--runroot", store.RunRoot(), "--storage-driver", store.Driver()}
	for _, tc := range []struct{ args, want []string }{
		{[]string{"rm", ""}, []string{"alpha", "beta"}},
		{[]string{"rm", "beta", ""}, []string{"alpha"}},
		{[]string{"inspect", "b"}, []string{"beta"}},
		{[]string{"in"}, []string{"inspect"}},
	} {
		if got := storetest.Complete(t, volume.New(), append(globals[:len(globals):len(globals)], tc.args...)...); !slices.Equal(got, tc.want) {
			t.Errorf("%q: %q", tc.args, got)
		}
	}
}
