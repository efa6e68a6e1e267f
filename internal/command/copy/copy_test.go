// SPDX-License-Identifier: Apache-2.0

package copy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/internal/command/copy"
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

// TestCopy: skopeo's codes, one for each class.
func TestCopy(t *testing.T) {
	storetest.NeedRoot(t)
	built, err := (&images.Image{
		Config: v1.Image{Platform: v1.Platform{OS: "linux"}},
		Layers: []images.Layer{{Entries: []images.Entry{images.File("x", 0o644, "x")}}},
	}).Build()
	if err != nil {
		t.Fatal(err)
	}
	store, dir := storetest.Open(t, libstorage.Options{}), t.TempDir()
	conf := filepath.Join(dir, "registries.conf")
	if err := os.WriteFile(conf, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	healthy, broken := hostile.New(t, hostile.Options{}), hostile.New(t, hostile.Options{})
	name := "docker://" + healthy.Add(built, "app:x")
	wrong := "docker://" + broken.Add(built, "app:x")
	broken.On("GET", "/manifests/locked", hostile.Unauthorized())
	broken.On("GET", "/blobs/", hostile.Corrupt())
	run := func(args ...string) storetest.Result {
		t.Helper()
		common := []string{"--src-tls-verify=false", "--dest-tls-verify=false", "--registries-conf", conf, "-q"}
		return storetest.Run(t, copy.New(), store, append(common, args...)...)
	}
	digestFile := filepath.Join(dir, "digest")
	if got := run("--digestfile", digestFile, name, "oci:"+dir+"/layout:x"); got != (storetest.Result{}) {
		t.Errorf("%+v", got)
	}
	if raw, err := os.ReadFile(digestFile); err != nil || string(raw) != built.Digest().String() {
		t.Errorf("%s %v", raw, err)
	}
	if got := run(name, "containers-storage:app:x"); got != (storetest.Result{}) {
		t.Errorf("into the store: %+v", got)
	}
	if img, err := store.Image(t.Context(), "app:x"); err != nil || img.ID != built.ID() {
		t.Errorf("%v %v", img.ID, err)
	}
	dst := "dir:" + dir + "/out"
	for _, tc := range []struct {
		code int
		says string
		args []string
	}{
		{1, "app", []string{"app", dst}},
		{1, "accepts 2 arg", []string{name}},
		{1, "--all", []string{"--all", "--multi-arch", "all", name, dst}},
		{1, "martian", []string{"--format", "martian", name, dst}},
		{2, "none", []string{"docker://" + healthy.Host + "/none", dst}},
		{2, "image not known", []string{"containers-storage:none", dst}},
		{3, "locked", []string{"docker://" + broken.Host + "/app:locked", dst}},
		{4, "127.0.0.1:1", []string{"docker://127.0.0.1:1/app", dst}},
		{5, "wrong digest", []string{wrong, dst}},
	} {
		got := run(tc.args...)
		if got.Code != tc.code || got.Stdout != "" || strings.Count(got.Stderr, "\n") != 1 || !strings.Contains(got.Stderr, tc.says) {
			t.Errorf("%v: %+v, want %d %q", tc.args, got, tc.code, tc.says)
		}
	}
}
