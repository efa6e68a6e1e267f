// SPDX-License-Identifier: Apache-2.0

package inspectremote_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tug-containers/tug/internal/command/inspectremote"
	"github.com/tug-containers/tug/internal/storetest"
	"github.com/tug-containers/tug/libstorage"
	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/registry/hostile"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// TestInspect: skopeo's fields, the raw forms, templates, codes.
func TestInspect(t *testing.T) {
	storetest.NeedRoot(t)
	all, err := images.Stock()
	if err != nil {
		t.Fatal(err)
	}
	built := all["app:latest"]
	store, server := storetest.Open(t, libstorage.Options{}), hostile.New(t, hostile.Options{})
	name := "docker://" + server.Add(built, "app:latest")
	conf := filepath.Join(t.TempDir(), "registries.conf")
	if err := os.WriteFile(conf, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) storetest.Result {
		t.Helper()
		return storetest.Run(t, inspectremote.New(), store, append([]string{"--tls-verify=false", "--registries-conf", conf}, args...)...)
	}
	var out struct {
		Name, Digest, Architecture, Os string
		RepoTags, Layers, Env          []string
		LayersData                     []struct{ Size int64 }
		Labels                         map[string]string
	}
	got := run(name)
	if err := json.Unmarshal([]byte(got.Stdout), &out); err != nil || got.Code != 0 || got.Stderr != "" {
		t.Fatalf("%+v %v", got, err)
	}
	if out.Name != server.Host+"/app" || out.Digest != built.Digest().String() || len(out.RepoTags) != 1 || out.Os != "linux" ||
		len(out.Layers) != len(out.LayersData) || len(out.Layers) < 2 || out.LayersData[0].Size == 0 {
		t.Errorf("%+v", out)
	}
	for want, args := range map[string][]string{
		string(built.Manifest):               {"--raw", name},
		string(built.Config):                 {"--raw", "--config", name},
		built.Digest().String() + " linux\n": {"-f", "{{.Digest}} {{.Os}}", name},
		"[]\n":                               {"-n", "-f", "{{.RepoTags}}", name},
	} {
		if got := run(args...); got.Code != 0 || got.Stdout != want {
			t.Errorf("%v: %+v, want %q", args, got, want)
		}
	}
	if got := run("--layers", name); got.Code != 0 || strings.Count(got.Stdout, "\n") != len(out.Layers)+1 {
		t.Errorf("%+v", got)
	}
	for _, tc := range []struct {
		code int
		args []string
	}{
		{1, []string{"app"}}, {1, []string{}}, {1, []string{"-f", "{{", name}}, {1, []string{"--raw", "-f", "x", name}},
		{1, []string{"--type", "container", name}}, {2, []string{"docker://" + server.Host + "/none"}}, {4, []string{"docker://127.0.0.1:1/x"}},
	} {
		if got := run(tc.args...); got.Code != tc.code || got.Stdout != "" || strings.Count(got.Stderr, "\n") != 1 {
			t.Errorf("%v: %+v, want %d", tc.args, got, tc.code)
		}
	}
}
