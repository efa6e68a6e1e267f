// SPDX-License-Identifier: Apache-2.0

package libimage_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/internal/storetest"
	"github.com/tug-containers/tug/libimage"
	"github.com/tug-containers/tug/libimage/unpack"
	"github.com/tug-containers/tug/libstorage"
	"github.com/tug-containers/tug/test/images"
)

func TestMain(m *testing.M) {
	if unpack.Init() {
		return
	}
	// No configuration and no credentials of the host's take part.
	dir, err := os.MkdirTemp("", "libimage-test-")
	if err != nil {
		panic(err)
	}
	for name, value := range map[string]string{
		"HOME": dir, "XDG_RUNTIME_DIR": dir, "CONTAINERS_REGISTRIES_CONF": "", "REGISTRY_AUTH_FILE": "", "DOCKER_CONFIG": "",
		"http_proxy": "", "https_proxy": "", "HTTP_PROXY": "", "HTTPS_PROXY": "",
	} {
		_ = os.Setenv(name, value)
	}
	storetest.Main(m)
}

func newStore(t testing.TB) *libstorage.Store {
	t.Helper()
	storetest.NeedRoot(t)
	return storetest.Open(t, libstorage.Options{})
}

// plain is access to a registry without TLS, and to no configuration.
func plain(t testing.TB) libimage.Access {
	t.Helper()
	off := false
	return libimage.Access{
		TLSVerify: &off, RegistriesConf: write(t, "registries.conf", ""), AuthFile: filepath.Join(t.TempDir(), "auth.json"),
		Policy: write(t, "policy.json", `{"default":[{"type":"insecureAcceptAnything"}]}`),
		Idle:   5 * time.Second,
	}
}

func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// smallImage has two layers of a few files, and one of incompressible data.
func smallImage(t testing.TB, edit func(*images.Image)) *images.Built {
	t.Helper()
	img := &images.Image{
		Config: v1.Image{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}},
		Layers: []images.Layer{
			{Entries: []images.Entry{images.Dir("etc", 0o755), images.File("etc/name", 0o644, t.Name())}},
			{Entries: []images.Entry{images.File("noise", 0o644, noise(200_000))}},
		},
	}
	if edit != nil {
		edit(img)
	}
	built, err := img.Build()
	if err != nil {
		t.Fatal(err)
	}
	return built
}

func noise(n int) string {
	b, x := make([]byte, n), uint32(2463534242)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return string(b)
}

func mustPull(t testing.TB, store *libstorage.Store, name string, opts libimage.PullOptions) libimage.Pulled {
	t.Helper()
	got, err := libimage.Pull(t.Context(), store, name, opts)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// unchanged fails when a failed pull left something behind: layers, images,
// temporary files.
func unchanged(t testing.TB, store *libstorage.Store, layers int, ids ...string) {
	t.Helper()
	all, err := store.Library().Layers()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != layers {
		t.Errorf("%d layers, want %d", len(all), layers)
	}
	imgs, err := store.Images(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(imgs) != len(ids) {
		t.Errorf("images %v, want %v", imgs, ids)
	}
	for i := range ids {
		if img, err := store.Image(t.Context(), ids[i]); err != nil || img.ID != ids[i] {
			t.Errorf("image %s: %v %v", ids[i], img.ID, err)
		}
	}
	left(t, filepath.Join(store.Root(), "tug", "tmp"))
	left(t, filepath.Join(store.Root(), store.Driver()+"-layers", "tmp"))
	left(t, filepath.Join(store.Root(), store.Driver(), "staging"))
}

func left(t testing.TB, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("left behind: %s", filepath.Join(dir, e.Name()))
	}
}

// oneLine fails unless err is one line that names object.
func oneLine(t testing.TB, err error, object string) {
	t.Helper()
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), object) {
		t.Errorf("error %q: want one line that names %s", err, object)
	}
}

func gz(t testing.TB, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
