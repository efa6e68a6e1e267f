// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/pflag"
	"github.com/tug-containers/tug/internal/command/inspectremote"
	"github.com/tug-containers/tug/internal/storetest"
	"github.com/tug-containers/tug/libstorage"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// noTwin fails a test that leaves the process.
func noTwin(t *testing.T) become {
	return func(path string, argv, _ []string) error {
		t.Errorf("exec %s %q", path, argv)
		return errors.New("no")
	}
}

func call(t *testing.T, store *libstorage.Store, args ...string) storetest.Result {
	t.Helper()
	return storetest.Run(t, newCommand(noTwin(t)), store, args...)
}

func open(t *testing.T) (*libstorage.Store, string) {
	t.Helper()
	storetest.NeedRoot(t)
	store := storetest.Open(t, libstorage.Options{})
	return store, storetest.Add(t, store, storetest.Busybox("localhost/box:1"))
}

func TestInspect(t *testing.T) {
	store, id := open(t)
	got := call(t, store, "box:1")
	var list []imageData
	if err := json.Unmarshal([]byte(got.Stdout), &list); err != nil || got.Code != 0 || got.Stderr != "" || len(list) != 1 {
		t.Fatalf("%v: %+v", err, got)
	}
	d := list[0]
	if d.ID != id || !slices.Equal(d.RepoTags, []string{"localhost/box:1"}) || len(d.RepoDigests) != 1 || d.Author != "nobody" ||
		!d.Created.Equal(storetest.Created()) || d.Config.Labels["kind"] != "test" || d.Size <= 0 || d.Size != d.VirtualSize ||
		len(d.RootFS.Layers) != 2 || d.RootFS.Type != "layers" || d.ManifestType != v1.MediaTypeImageManifest || len(d.History) != 2 {
		t.Errorf("%+v", d)
	}
	if d.GraphDriver.Name != "overlay" || !strings.HasPrefix(d.GraphDriver.Data["UpperDir"], store.Root()) {
		t.Errorf("%+v", d.GraphDriver)
	}
	// The keys are podman's, whatever the fields here are called.
	var raw []map[string]any
	if err := json.Unmarshal([]byte(got.Stdout), &raw); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"Id", "Digest", "RepoTags", "RepoDigests", "Parent", "Comment", "Created", "Config", "Version", "Author", "Architecture", "Os", "Size",
		"VirtualSize", "GraphDriver", "RootFS", "Labels", "Annotations", "ManifestType", "User", "History", "NamesHistory",
	} {
		if _, ok := raw[0][key]; !ok {
			t.Errorf("%s is missing", key)
		}
	}
}

func TestFormat(t *testing.T) {
	store, id := open(t)
	for format, want := range map[string]string{
		"{{.Id}} {{.ID}}":                  id + " " + id + "\n",
		"{{.Config.Cmd}}":                  "[/bin/sh]\n",
		"{{index .Config.Env 0}}":          "PATH=/bin\n",
		"{{json .Config.Labels}}":          `{"kind":"test"}` + "\n",
		"{{.GraphDriver.Name}}":            "overlay\n",
		`{{.Created.Format "2006"}}`:       "2024\n",
		"{{range .RootFS.Layers}}x{{end}}": "xx\n",
	} {
		if got := call(t, store, "-f", format, "box:1"); got.Stdout != want || got.Code != 0 {
			t.Errorf("-f %q: %+v; want %q", format, got, want)
		}
	}
}

func TestStored(t *testing.T) {
	store, id := open(t)
	manifest, err := store.Manifest(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	config, err := store.RawConfig(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if got := call(t, store, "--raw", "box:1"); got.Stdout != string(manifest) || got.Code != 0 {
		t.Errorf("--raw: %+v", got)
	}
	if got := call(t, store, "--raw", "--config", "box:1"); got.Stdout != string(config) || got.Code != 0 {
		t.Errorf("--raw --config: %+v", got)
	}
	if got := call(t, store, "--config", "box:1"); !strings.Contains(got.Stdout, "    \"author\": \"nobody\"") || got.Code != 0 {
		t.Errorf("--config: %+v", got)
	}
}

func TestMissing(t *testing.T) {
	store, id := open(t)
	got := call(t, store, "nope")
	if got.Code != 125 || got.Stdout != "[]\n" || got.Stderr != "Error: no such object: \"nope\": image not known\n" {
		t.Errorf("%+v", got)
	}
	got = call(t, store, "one", "box:1", "two")
	if got.Code != 125 || !strings.Contains(got.Stdout, id) || strings.Count(got.Stderr, "Error: ") != 2 {
		t.Errorf("what is there is shown: %+v", got)
	}
	got = call(t, store, "--error-format=json", "nope")
	if !strings.Contains(got.Stderr, `"class":"not-found","object":"nope"`) {
		t.Errorf("%+v", got)
	}
}

func TestDamaged(t *testing.T) {
	store, id := open(t)
	files, err := filepath.Glob(filepath.Join(store.Root(), "overlay-images", id, "=*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.Truncate(files[0], 0); err != nil {
		t.Fatal(err)
	}
	if got := call(t, store, "box:1"); got.Code != 125 || !strings.Contains(got.Stderr, "damaged") || !strings.Contains(got.Stderr, id) {
		t.Errorf("%+v", got)
	}
}

func TestUsage(t *testing.T) {
	store, _ := open(t)
	for _, args := range [][]string{
		{}, {"--type", "ghost", "box:1"}, {"--type", "pod", "box:1"}, {"--type", "volume", "--raw", "v"}, {"--type", "volume", "-l"}, {"-l", "box:1"}, {"--size", "docker://a"}, {"--type", "container", "--raw", "box:1"}, {"-f", "{{", "box:1"}, {"-f", "x", "--raw", "box:1"},
		{"--creds", "a:b", "box:1"}, {"docker://a", "docker://b"}, {"-f", "{{.Nothing}}", "box:1"},
	} {
		if got := call(t, store, args...); got.Code != 125 || got.Stdout != "" || strings.Count(got.Stderr, "\n") != 1 {
			t.Errorf("%q: %+v", args, got)
		}
	}
}

func TestTwin(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, twin), []byte("#!/bin/true\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	var argv []string
	exec := func(path string, args, _ []string) error {
		if path != filepath.Join(dir, twin) {
			t.Errorf("exec %s", path)
		}
		argv = args
		return errors.New("stop")
	}
	store, _ := open(t)
	storetest.Run(t, newCommand(exec), store, "--raw", "-n", "--creds", "a:b", "--storage-opt", "x=1", "--storage-opt", "y=2", "docker://localhost/x")
	want := []string{
		twin, "--creds=a:b", "--no-tags=true", "--raw=true", "--root=" + store.Root(), "--runroot=" + store.RunRoot(),
		"--storage-driver=overlay", "--storage-opt=x=1", "--storage-opt=y=2", "--", "docker://localhost/x",
	}
	if !slices.Equal(argv, want) {
		t.Errorf("argv = %q, want %q", argv, want)
	}
	t.Setenv("PATH", t.TempDir())
	got := storetest.Run(t, newCommand(exec), store, "oci:x")
	if got.Code != 125 || !strings.Contains(got.Stderr, "oci:x") || !strings.Contains(got.Stderr, twin) {
		t.Errorf("without the twin: %+v", got)
	}
}

// Every flag of the twin can be given to this command, in the same form.
func TestTwinFlags(t *testing.T) {
	other := inspectremote.New()
	here := newCommand(noTwin(t))
	compare := func(what string, from, to *pflag.FlagSet) {
		from.VisitAll(func(f *pflag.Flag) {
			g := to.Lookup(f.Name)
			if f.Name == "size" || f.Name == "latest" {
				return // of containers
			}
			if g == nil {
				t.Errorf("%s: there is no --%s", what, f.Name)
			} else if g.Shorthand != f.Shorthand || g.NoOptDefVal != f.NoOptDefVal {
				t.Errorf("--%s: %q %q, %q %q", f.Name, f.Shorthand, f.NoOptDefVal, g.Shorthand, g.NoOptDefVal)
			}
		})
	}
	compare("inspect", other.Flags(), here.Flags())
	compare("the twin", here.Flags(), other.Flags())
}

func TestHasTransport(t *testing.T) {
	for arg, want := range map[string]bool{
		"docker://x": true, "docker:x": false, "oci:dir": true, "dir:/x": true, "docker-archive:f": true, "containers-storage:x": true,
		"busybox": false, "busybox:1": false, "localhost:5000/x": false, "sha256:abc": false, "localhost/oci:1": false,
	} {
		if got := hasTransport(arg); got != want {
			t.Errorf("hasTransport(%q) = %v", arg, got)
		}
	}
}

func TestLayers(t *testing.T) {
	store, _ := open(t)
	got := call(t, store, "--layers", "box:1")
	lines := strings.Split(strings.TrimSpace(got.Stdout), "\n")
	if got.Code != 0 || len(lines) != 3 || !strings.HasSuffix(lines[1], "layer a") || !strings.HasSuffix(lines[2], "layer b") {
		t.Errorf("%+v", got)
	}
	var b strings.Builder
	layers := []libstorage.HistoryEntry{
		{Layer: strings.Repeat("a", 64), Size: 80_000_000, CreatedBy: "apt-get \x1b[2J install"},
		{Layer: strings.Repeat("b", 64), Size: 1},
		{Layer: strings.Repeat("c", 64), Size: 0, CreatedBy: strings.Repeat("long ", 100)},
	}
	if err := drawLayers(&b, layers, 80); err != nil {
		t.Fatal(err)
	}
	want := "  1  ████████████████████████     80 MB  aaaaaaaaaaaa  apt-get \\x1b[2J install\n" +
		"  2  ▏                              1 B  bbbbbbbbbbbb\n" +
		"  3                                 0 B  cccccccccccc  long long long long long\n" +
		"                                  80 MB  in 3 layers\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	b.Reset()
	if err := drawLayers(&b, layers[:1], 80); err != nil || !strings.HasSuffix(b.String(), "  in 1 layer\n") {
		t.Errorf("one layer: %v\n%s", err, b.String())
	}
}

func TestFromDocker(t *testing.T) {
	d := imageData{Comment: "oci"}
	d.fromDocker([]byte(`{"docker_version":"20","config":{"Healthcheck":{"Test":["CMD","true"],"Interval":5000000000,"Retries":3}}}`))
	want := &healthCheck{Test: []string{"CMD", "true"}, Interval: 5 * time.Second, Retries: 3}
	if d.Version != "20" || d.Comment != "oci" || !reflect.DeepEqual(d.HealthCheck, want) {
		t.Errorf("%+v", d)
	}
	d.fromDocker([]byte(`{"config":{"Healthcheck":"nonsense"}}`))
	d.fromDocker([]byte(`[]`))
}
