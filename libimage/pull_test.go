// SPDX-License-Identifier: Apache-2.0

package libimage_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tug-containers/tug/libimage"
	"github.com/tug-containers/tug/libstorage"
	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/registry"
	"github.com/tug-containers/tug/test/registry/hostile"
)

func stock(t testing.TB) map[string]*images.Built {
	t.Helper()
	all, err := images.Stock()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestPullStock pulls each stock image from a real registry, by tag and by
// digest, and compares the ID.
func TestPullStock(t *testing.T) {
	store, reg := newStore(t), registry.New(t, registry.Options{})
	opts := libimage.PullOptions{Access: plain(t)}
	for name, built := range stock(t) {
		if name == "busybox:foreign" {
			continue
		}
		full := reg.Push(t, built, name)
		want := built.ID()
		if len(built.Children) > 0 {
			want = built.Children[0].ID()
		}
		repo, _, _ := strings.Cut(name, ":")
		byDigest := reg.Ref(repo) + "@" + built.Digest().String()
		for _, ref := range []string{full, byDigest, full + "@" + built.Digest().String(), "docker://" + full} {
			ref = strings.Replace(ref, ":latest@", "@", 1)
			got := mustPull(t, store, ref, opts)
			if got.ID != want || got.Digest != built.Digest() {
				t.Errorf("%s: %+v, want %s %s", ref, got, want, built.Digest())
			}
			img, err := store.Image(t.Context(), got.Name)
			if err != nil || img.ID != want {
				t.Errorf("%s is not there as %s: %v", ref, got.Name, err)
			}
		}
	}
	if _, err := store.Config(t.Context(), reg.Ref("busybox:latest")); err == nil {
		left(t, filepath.Join(store.Root(), "tug", "tmp"))
	}
}

func TestPullPlatform(t *testing.T) {
	store, server := newStore(t), hostile.New(t, hostile.Options{})
	all := stock(t)
	multi, foreign := server.Add(all["busybox:multi"], "busybox:multi"), server.Add(all["busybox:foreign"], "busybox:foreign")
	other := images.OtherArch()
	opts := libimage.PullOptions{Access: plain(t)}
	opts.Platform.Architecture = other
	if got := mustPull(t, store, multi, opts); got.ID != all["busybox:multi"].Children[1].ID() {
		t.Errorf("%s: wrong image %s", other, got.ID)
	}
	opts.Platform.Architecture = "s390x"
	_, err := libimage.Pull(t.Context(), store, multi, opts)
	oneLine(t, err, multi)
	if !errors.Is(err, libimage.ErrPlatform) || !strings.Contains(err.Error(), "linux/s390x") || !strings.Contains(err.Error(), "linux/"+other) {
		t.Errorf("%v: does not name both platforms", err)
	}
	opts.Platform = libimage.Platform{}
	before := len(server.Requests())
	_, err = libimage.Pull(t.Context(), store, foreign, opts)
	oneLine(t, err, foreign)
	if !errors.Is(err, libimage.ErrPlatform) || !strings.Contains(err.Error(), "linux/"+other) || !strings.Contains(err.Error(), "not for linux/") {
		t.Errorf("%v: does not name both platforms", err)
	}
	for _, r := range server.Requests()[before:] {
		for sum := range all["busybox:foreign"].Blobs {
			if strings.Contains(r.Path, sum.String()) && sum.Encoded() != all["busybox:foreign"].ID() {
				t.Errorf("a layer was fetched: %s", r.Path)
			}
		}
	}
	opts.Platform = libimage.Platform{OS: "linux", Architecture: other}
	mustPull(t, store, foreign, opts)
}

func TestPullPolicy(t *testing.T) {
	store, server := newStore(t), hostile.New(t, hostile.Options{})
	old := smallImage(t, nil)
	name := server.Add(old, "app:x")
	pull := func(policy libimage.PullPolicy) (libimage.Pulled, int, error) {
		before := len(server.Requests())
		got, err := libimage.Pull(t.Context(), store, name, libimage.PullOptions{Access: plain(t), Policy: policy})
		return got, len(server.Requests()) - before, err
	}
	if _, n, err := pull(libimage.PullNever); !errors.Is(err, libstorage.ErrImageUnknown) || !errors.Is(err, libimage.ErrNotFound) || n != 0 {
		t.Errorf("never: %d requests, %v", n, err)
	}
	if got, _, err := pull(libimage.PullMissing); err != nil || !got.Fetched || got.ID != old.ID() {
		t.Errorf("missing: %+v %v", got, err)
	}
	for _, policy := range []libimage.PullPolicy{libimage.PullMissing, libimage.PullNever} {
		if got, n, err := pull(policy); err != nil || n != 0 || got.ID != old.ID() || got.Name != name {
			t.Errorf("%s: %+v, %d requests, %v", policy, got, n, err)
		}
	}
	if got, n, err := pull(libimage.PullNewer); err != nil || got.Fetched || n > 3 {
		t.Errorf("newer, and it is the same: %+v, %d requests, %v", got, n, err)
	}
	changed := smallImage(t, func(i *images.Image) { i.Config.Author = "changed" })
	server.Add(changed, "app:x")
	if got, _, err := pull(libimage.PullMissing); err != nil || got.ID != old.ID() {
		t.Errorf("missing: %+v %v", got, err)
	}
	if got, _, err := pull(libimage.PullNewer); err != nil || got.ID != changed.ID() {
		t.Errorf("newer: %+v %v", got, err)
	}
	server.On("", "", hostile.Status(503))
	if got, _, err := pull(libimage.PullNewer); err != nil || got.ID != changed.ID() {
		t.Errorf("newer with the registry down: %+v %v", got, err)
	}
	if _, _, err := pull(libimage.PullAlways); !errors.Is(err, libimage.ErrNetwork) {
		t.Errorf("always with the registry down: %v", err)
	}
}

// TestNames: aliases, unqualified search, mirrors, blocked registries.
func TestNames(t *testing.T) {
	store, one, two := newStore(t), hostile.New(t, hostile.Options{}), hostile.New(t, hostile.Options{})
	built := smallImage(t, nil)
	two.Add(built, "team/app:latest")
	two.Add(built, "app:latest")
	conf := fmt.Sprintf(`
unqualified-search-registries = [%q, %q]
short-name-mode = "permissive"
[aliases]
"known" = "%s/team/app"
[[registry]]
location = %q
insecure = true
[[registry]]
location = %q
insecure = true
[[registry]]
prefix = "mirrored.example/team"
location = "mirrored.example/team"
[[registry.mirror]]
location = "%s/team"
insecure = true
[[registry]]
location = "blocked.example"
blocked = true
`, one.Host, two.Host, two.Host, one.Host, two.Host, two.Host)
	access := plain(t)
	access.TLSVerify = nil // registries.conf says it
	access.RegistriesConf = write(t, "registries.conf", conf)
	opts := libimage.PullOptions{Access: access}
	for name, stored := range map[string]string{
		"known": two.Host + "/team/app:latest", "app": two.Host + "/app:latest",
		"mirrored.example/team/app": "mirrored.example/team/app:latest",
	} {
		got, err := libimage.Pull(t.Context(), store, name, opts)
		if err != nil || got.Name != stored || got.ID != built.ID() {
			t.Errorf("%s: %+v %v, want %s", name, got, err, stored)
		}
	}
	_, err := libimage.Pull(t.Context(), store, "blocked.example/x", opts)
	oneLine(t, err, "blocked.example/x")
	if !errors.Is(err, libimage.ErrBlocked) {
		t.Errorf("%v", err)
	}
	_, err = libimage.Pull(t.Context(), store, "nowhere", opts)
	oneLine(t, err, "nowhere")
	if !errors.Is(err, libimage.ErrNotFound) || !strings.Contains(err.Error(), one.Host) || !strings.Contains(err.Error(), two.Host) {
		t.Errorf("%v: does not name both registries", err)
	}
	opts.Access.RegistriesConf = write(t, "registries.conf", strings.Replace(conf, "permissive", "enforcing", 1))
	if _, err = libimage.Pull(t.Context(), store, "app", opts); !errors.Is(err, libimage.ErrShortName) {
		t.Errorf("enforcing: %v", err)
	}
	opts.Access.RegistriesConf = write(t, "registries.conf", "")
	if _, err = libimage.Pull(t.Context(), store, "app", opts); !errors.Is(err, libimage.ErrShortName) {
		t.Errorf("no registries: %v", err)
	}
	opts.Access.RegistriesConf = write(t, "registries.conf", "unqualified-search-registries = 3")
	_, err = libimage.Pull(t.Context(), store, "app", opts)
	oneLine(t, err, "registries.conf")
}

func TestPullAll(t *testing.T) {
	store, server := newStore(t), hostile.New(t, hostile.Options{})
	for _, tag := range []string{"one", "two", "three"} {
		server.Add(smallImage(t, func(i *images.Image) { i.Config.Author = tag }), "app:"+tag)
	}
	opts := libimage.PullOptions{Access: plain(t)}
	got, err := libimage.PullAll(t.Context(), store, server.Host+"/app", opts)
	if err != nil || len(got) != 3 {
		t.Fatalf("%v %v", got, err)
	}
	imgs, err := store.Images(t.Context())
	if err != nil || len(imgs) != 3 {
		t.Errorf("%v %v", imgs, err)
	}
	if _, err := libimage.PullAll(t.Context(), store, server.Host+"/app:one", opts); !errors.Is(err, libimage.ErrReference) && err == nil {
		t.Error("a tag was accepted")
	}
	if _, err := libimage.PullAll(t.Context(), store, server.Host+"/none", opts); !errors.Is(err, libimage.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// TestPullElsewhere: a layout, a directory, archives.
func TestPullElsewhere(t *testing.T) {
	store := newStore(t)
	built := smallImage(t, nil)
	dir := t.TempDir()
	if err := built.WriteLayout(filepath.Join(dir, "layout"), "v1"); err != nil {
		t.Fatal(err)
	}
	opts := libimage.PullOptions{Access: plain(t)}
	copyTo := func(dst string) string {
		t.Helper()
		if _, err := libimage.Copy(t.Context(), dst, "oci:"+dir+"/layout:v1", libimage.CopyOptions{Source: opts.Access, Destination: opts.Access}); err != nil {
			t.Fatal(err)
		}
		return dst
	}
	for ref, name := range map[string]string{
		"oci:" + dir + "/layout:v1":                         "localhost/layout:v1",
		copyTo("dir:" + dir + "/plain"):                     "localhost/plain:latest",
		copyTo("oci-archive:" + dir + "/a.tar:v1"):          "localhost/a:v1",
		copyTo("docker-archive:" + dir + "/d.tar:app:v2"):   "docker.io/library/app:v2",
		copyTo("oci:" + dir + "/named:docker.io/team/x:v3"): "docker.io/team/x:v3",
	} {
		got, err := libimage.Pull(t.Context(), store, ref, opts)
		if err != nil || got.Name != name {
			t.Errorf("%s: %+v %v, want %s", ref, got, err, name)
		}
	}
	copyTo("oci-archive:" + dir + "/o.tar:docker.io/team/y:v4")
	for ref, name := range map[string]string{
		"docker-archive:" + dir + "/d.tar":                "docker.io/library/app:v2",
		"oci-archive:" + dir + "/o.tar":                   "docker.io/team/y:v4",
		"oci-archive:" + dir + "/a.tar":                   "localhost/a:latest",
		copyTo("docker-archive:" + dir + "/nameless.tar"): "",
	} {
		got, err := libimage.Pull(t.Context(), store, ref, opts)
		if err != nil || got.Name != name || len(got.ID) != 64 {
			t.Errorf("%s, the name inside: %+v %v, want %q", ref, got, err, name)
		}
	}
	for _, ref := range []string{"oci:" + dir + "/none:x", "dir:" + dir + "/none", "docker-archive:" + dir + "/none.tar", "oci:" + dir + "/layout:v9"} {
		_, err := libimage.Pull(t.Context(), store, ref, opts)
		oneLine(t, err, dir)
	}
	left(t, filepath.Join(store.Root(), "tug", "tmp"))
}

func TestPullAtOnce(t *testing.T) {
	store, server := newStore(t), hostile.New(t, hostile.Options{})
	built := smallImage(t, nil)
	var wait sync.WaitGroup
	errs := make(chan error, 8)
	for i := range 8 {
		name := server.Add(built, fmt.Sprintf("app:%d", i))
		wait.Go(func() {
			_, err := libimage.Pull(t.Context(), store, name, libimage.PullOptions{Access: plain(t)})
			errs <- err
		})
	}
	wait.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	img, err := store.Image(t.Context(), built.ID())
	if err != nil || len(img.Names) != 8 {
		t.Errorf("%v %v", img.Names, err)
	}
}

func TestPullCancelled(t *testing.T) {
	store, server := newStore(t), hostile.New(t, hostile.Options{})
	name := server.Add(smallImage(t, nil), "app")
	server.On("GET", "/blobs/", hostile.Stall(10)).After(1)
	ctx, cancel := context.WithCancelCause(t.Context())
	opts := libimage.PullOptions{Access: plain(t), Retry: libimage.Retry{Times: 5}}
	opts.Progress = func(e libimage.Event) {
		if e.Kind == libimage.EventBlob {
			cancel(errors.New("interrupt"))
		}
	}
	_, err := libimage.Pull(ctx, store, name, opts)
	oneLine(t, err, name)
	if err == nil || !strings.Contains(err.Error(), "interrupt") {
		t.Errorf("%v", err)
	}
	unchanged(t, store, 0)
}

func TestEvents(t *testing.T) {
	store, server := newStore(t), hostile.New(t, hostile.Options{})
	name := server.Add(smallImage(t, nil), "app")
	for _, want := range []libimage.EventKind{libimage.EventDone, libimage.EventSkipped} {
		var kinds []libimage.EventKind
		opts := libimage.PullOptions{Access: plain(t), Progress: func(e libimage.Event) { kinds = append(kinds, e.Kind) }}
		mustPull(t, store, name, opts)
		if len(kinds) < 4 || kinds[0] != libimage.EventStart || kinds[len(kinds)-1] != libimage.EventFinish || !slices.Contains(kinds, want) {
			t.Errorf("%v", kinds)
		}
	}
}
