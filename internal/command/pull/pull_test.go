// SPDX-License-Identifier: Apache-2.0

package pull_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/internal/command/pull"
	"github.com/tug-containers/tug/internal/storetest"
	"github.com/tug-containers/tug/libimage/unpack"
	"github.com/tug-containers/tug/libstorage"
	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/registry/hostile"
)

func TestMain(m *testing.M) {
	if unpack.Init() {
		return
	}
	storetest.Main(m)
}

func image(t *testing.T) *images.Built {
	t.Helper()
	built, err := (&images.Image{
		Config: v1.Image{Platform: v1.Platform{OS: "linux"}},
		Layers: []images.Layer{{Entries: []images.Entry{images.File("x", 0o644, "x")}}},
	}).Build()
	if err != nil {
		t.Fatal(err)
	}
	return built
}

// TestPull: the ID alone on stdout, 125 for any failure, one line that says
// what.
func TestPull(t *testing.T) {
	storetest.NeedRoot(t)
	store, server := storetest.Open(t, libstorage.Options{}), hostile.New(t, hostile.Options{})
	built := image(t)
	name := server.Add(built, "app:x")
	conf := filepath.Join(t.TempDir(), "registries.conf")
	if err := os.WriteFile(conf, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	common := []string{"--tls-verify=false", "--registries-conf", conf, "--retry", "0"}
	run := func(args ...string) storetest.Result {
		t.Helper()
		return storetest.Run(t, pull.New(), store, append(common, args...)...)
	}
	if got := run("-q", name, name); got.Code != 0 || got.Stdout != built.ID()+"\n"+built.ID()+"\n" || got.Stderr != "" {
		t.Errorf("%+v", got)
	}
	if got := run("--all-tags", "-q", server.Host+"/app"); got.Code != 0 || got.Stdout != built.ID()+"\n" {
		t.Errorf("%+v", got)
	}
	if got := run("--progress=json", name); got.Code != 0 || !json.Valid([]byte(strings.SplitN(got.Stderr, "\n", 2)[0])) {
		t.Errorf("%+v", got)
	}
	for object, args := range map[string][]string{
		"app:none":     {"-q", server.Host + "/app:none"},
		"UPPER":        {"-q", "UPPER"},
		"--policy":     {"--policy", "sometimes", name},
		"--progress":   {"--progress", "loud", name},
		"--platform":   {"--platform", "linux/amd64", "--arch", "arm64", name},
		"linux/a/b/c":  {"--platform", "linux/a/b/c", name},
		"--retry":      {"--retry", "-1", name},
		"credentials":  {"--creds", ":x", name},
		"--nosuch":     {"--nosuch", name},
		"at least 1":   {},
		"short name":   {"-q", "nowhere"},
		"policy never": {"-q", "--policy", "never", server.Host + "/other"},
	} {
		got := run(args...)
		if object == "--policy" {
			object = "sometimes"
		}
		if got.Code != 125 || got.Stdout != "" || strings.Count(got.Stderr, "\n") != 1 || !strings.HasPrefix(got.Stderr, "Error: ") ||
			!strings.Contains(got.Stderr, strings.TrimPrefix(object, "policy ")) {
			t.Errorf("%v: %+v", args, got)
		}
	}
	got := run("-q", "--error-format=json", server.Host+"/app:none")
	var line struct{ Class, Object, Message string }
	if err := json.Unmarshal([]byte(got.Stderr), &line); err != nil || line.Class != "not-found" || line.Object != server.Host+"/app:none" {
		t.Errorf("%+v %v", got, err)
	}
}
