// SPDX-License-Identifier: Apache-2.0

package images_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/internal/command/images"
	"github.com/tug-containers/tug/internal/storetest"
	"github.com/tug-containers/tug/libstorage"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// shelf is a store with an image of two names, a nameless parent of it, and a
// nameless one that stands alone.
func shelf(t *testing.T) (store *libstorage.Store, box, parent, alone string) {
	storetest.NeedRoot(t)
	store = storetest.Open(t, libstorage.Options{})
	parent = storetest.Add(t, store, storetest.Recipe{Layers: []map[string]string{{"a": "first"}}})
	box = storetest.Add(t, store, storetest.Busybox("docker.io/library/busybox:latest", "localhost/box:1"))
	alone = storetest.Add(t, store, storetest.Recipe{Layers: []map[string]string{{"z": strings.Repeat("z", 10000)}}})
	return store, box, parent, alone
}

func run(t *testing.T, store *libstorage.Store, args ...string) storetest.Result {
	t.Helper()
	return storetest.Run(t, images.New(), store, args...)
}

func TestTable(t *testing.T) {
	store, box, parent, alone := shelf(t)
	got := run(t, store, "--sort", "id")
	if got.Code != 0 || got.Stderr != "" {
		t.Fatalf("%+v", got)
	}
	lines := strings.Split(strings.TrimSpace(got.Stdout), "\n")
	if !slices.Equal(strings.Fields(lines[0]), []string{"REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"}) || len(lines) != 4 {
		t.Errorf("%s", got.Stdout)
	}
	for _, want := range []string{"docker.io/library/busybox  latest", "localhost/box              1", "<none>                     <none>", box[:12], alone[:12]} {
		if !strings.Contains(got.Stdout, want) {
			t.Errorf("%q is not in\n%s", want, got.Stdout)
		}
	}
	if strings.Contains(got.Stdout, parent[:12]) {
		t.Errorf("an intermediate image is shown:\n%s", got.Stdout)
	}
	if got := run(t, store, "-a", "-q", "--sort", "id"); strings.Count(got.Stdout, "\n") != 3 || !strings.Contains(got.Stdout, parent[:12]+"\n") {
		t.Errorf("-a -q: %+v", got)
	}
	if got := run(t, store, "-n", "--no-trunc", "--digests", "box:1"); strings.Contains(got.Stdout, "REPOSITORY") || !strings.Contains(got.Stdout, "sha256:"+box) || strings.Count(got.Stdout, "sha256:") != 4 {
		t.Errorf("-n --no-trunc --digests: %+v", got)
	}
}

func TestJSON(t *testing.T) {
	store, box, parent, _ := shelf(t)
	got := run(t, store, "--format", "json", "--filter", "id="+box)
	var list []map[string]any
	if err := json.Unmarshal([]byte(got.Stdout), &list); err != nil || got.Code != 0 || len(list) != 1 {
		t.Fatalf("%v: %+v", err, got)
	}
	want := map[string]any{
		"Id": box, "ParentId": parent, "SharedSize": 0.0, "Containers": 0.0,
		"Created": float64(storetest.Created().Unix()), "CreatedAt": "2024-05-06T07:08:09Z",
	}
	for key, value := range want {
		if list[0][key] != value {
			t.Errorf("%s = %v, want %v", key, list[0][key], value)
		}
	}
	for _, key := range []string{"RepoTags", "RepoDigests", "Size", "VirtualSize", "Labels", "Names", "Digest", "History"} {
		if _, ok := list[0][key]; !ok {
			t.Errorf("%s is missing", key)
		}
	}
	if got := run(t, store, "--format", "json", "no-such-image"); got.Stdout != "[]\n" || got.Code != 0 {
		t.Errorf("an empty list: %+v", got)
	}
	lines := run(t, store, "--format", "{{json .}}", "--filter", "dangling=true")
	var object map[string]any
	if err := json.Unmarshal([]byte(lines.Stdout), &object); err != nil || strings.Count(lines.Stdout, "\n") != 1 || object["Dangling"] != true {
		t.Errorf("{{json .}}: %v: %+v", err, lines)
	}
}

func TestFormat(t *testing.T) {
	store, box, parent, _ := shelf(t)
	for format, want := range map[string]string{
		"{{.ID}} {{.Repository}}:{{.Tag}}":     box[:12] + " docker.io/library/busybox:latest\n" + box[:12] + " localhost/box:1\n",
		"{{.Id}}{{.ParentID}}":                 strings.Repeat(box+parent+"\n", 2),
		"{{.Labels.kind}} {{.Dangling}}":       strings.Repeat("test false\n", 2),
		`table {{.Tag}}\t{{.Names}}`:           "TAG         NAMES\nlatest      [docker.io/library/busybox:latest localhost/box:1]\n1           [docker.io/library/busybox:latest localhost/box:1]\n",
		`{{.CreatedTime.Format "2006-01-02"}}`: strings.Repeat("2024-05-06\n", 2),
	} {
		if got := run(t, store, "--format", format, "--filter", "id="+box); got.Stdout != want || got.Code != 0 {
			t.Errorf("--format %q: %+v\nwant %q", format, got, want)
		}
	}
}

func TestFilter(t *testing.T) {
	store, box, parent, alone := shelf(t)
	old := storetest.Add(t, store, storetest.Recipe{Names: []string{"quay.io/team/tool:v2"}, Config: func(cfg *v1.Image) { cfg.Config.Labels = map[string]string{"kind": "other", "k": ""} }})
	digest := strings.TrimSpace(run(t, store, "--format", "{{.Digest}}", "tool:v2").Stdout)
	for _, tc := range []struct {
		filters string
		want    []string
	}{
		{"", []string{box, alone, old}},
		{"reference=busybox", []string{box}},
		{"reference=busybox:latest", []string{box}},
		{"reference=*box", []string{box}},
		{"reference=localhost/*", []string{box}},
		{"reference=quay.io/*/*", []string{old}},
		{"reference=box reference=tool", []string{box, old}},
		{"reference=nothing", nil},
		{"dangling=true", []string{alone}},
		{"dangling=false", []string{box, old}},
		{"intermediate=false", []string{box, alone, old}},
		{"label=kind", []string{box, alone, old}},
		{"label=kind=test", []string{box, alone}},
		{"label=kind=test label=k", nil},
		{"label!=k", []string{box, alone}},
		{"id=" + box[:8], []string{box}},
		{"digest=" + digest, []string{old}},
		{"readonly=true", nil},
		{"until=24h", []string{box, alone, old}},
		{"until=2020-01-01", nil},
		{"until=1900000000", []string{box, alone, old}},
		{"before=box:1", nil},
		{"since=box:1", nil},
	} {
		args := []string{"-q", "--no-trunc"}
		for _, f := range strings.Fields(tc.filters) {
			args = append(args, "--filter", f)
		}
		got := run(t, store, args...)
		ids := strings.Fields(strings.ReplaceAll(got.Stdout, "sha256:", ""))
		slices.Sort(ids)
		slices.Sort(tc.want)
		if got.Code != 0 || !slices.Equal(ids, tc.want) {
			t.Errorf("%q: %+v; want %v", tc.filters, got, tc.want)
		}
	}
	if got := run(t, store, "-a", "-q", "--no-trunc", "--filter", "intermediate=true"); got.Stdout != "sha256:"+parent+"\n" {
		t.Errorf("intermediate=true: %+v", got)
	}
}

func TestSort(t *testing.T) {
	store, box, _, alone := shelf(t)
	for key, want := range map[string][]string{"size": {box, alone}, "repository": {alone, box}, "tag": {alone, box}} {
		got := run(t, store, "-q", "--no-trunc", "--sort", key)
		if ids := strings.Fields(strings.ReplaceAll(got.Stdout, "sha256:", "")); !slices.Equal(ids, want) {
			t.Errorf("--sort %s: %v, want %v", key, ids, want)
		}
	}
}

func TestUsage(t *testing.T) {
	storetest.NeedRoot(t)
	store := storetest.Open(t, libstorage.Options{})
	for _, args := range [][]string{
		{"a", "b"}, {"--filter", "x"}, {"--filter", "x=y"}, {"--filter", "dangling=maybe"}, {"--filter", "until=soon"}, {"--filter", "reference=["},
		{"--sort", "beauty"}, {"--format", "{{"}, {"-q", "--format", "json"}, {"--nonsense"}, {"--error-format", "xml"},
	} {
		got := run(t, store, args...)
		if got.Code != 125 || got.Stdout != "" || !strings.HasPrefix(got.Stderr, "Error: ") || strings.Count(got.Stderr, "\n") != 1 {
			t.Errorf("%q: %+v", args, got)
		}
		args = append([]string{"--error-format=json"}, args...)
		if got := run(t, store, args...); !strings.Contains(got.Stderr, `"class":"usage"`) && !slices.Contains(args, "xml") {
			t.Errorf("%q: %+v", args, got)
		}
	}
}

// What is damaged is a row, and the exit code says so.
func TestDamaged(t *testing.T) {
	store, box, _, alone := shelf(t)
	if err := os.Remove(filepath.Join(store.Root(), "overlay-images", alone, "manifest")); err != nil {
		t.Fatal(err)
	}
	got := run(t, store)
	if got.Code != 125 || !strings.Contains(got.Stdout, box[:12]) || !strings.Contains(got.Stdout, "damaged\n") || !strings.Contains(got.Stderr, alone) {
		t.Errorf("%+v", got)
	}
	if got := run(t, store, "box:1"); got.Code != 0 {
		t.Errorf("the damaged image is not asked for: %+v", got)
	}
}

// A name cannot be hostile, a label can.
func TestHostileLabel(t *testing.T) {
	storetest.NeedRoot(t)
	store := storetest.Open(t, libstorage.Options{})
	storetest.Add(t, store, storetest.Recipe{Config: func(cfg *v1.Image) { cfg.Config.Labels = map[string]string{"l": "a\x1b[2J\nb\x7f\u202e"} }})
	for _, format := range []string{"json", "{{json .}}", "{{.Labels.l}}", "table {{.Labels}}", "{{range $k, $v := .Labels}}{{$v}}{{end}}"} {
		got := run(t, store, "-n", "--format", format)
		if got.Code != 0 || strings.ContainsAny(got.Stdout, "\x1b\x7f\u202e") || (format != "json" && strings.Count(got.Stdout, "\n") != 1) {
			t.Errorf("--format %q: %+v", format, got)
		}
	}
}
