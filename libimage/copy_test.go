// SPDX-License-Identifier: Apache-2.0

package libimage_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tug-containers/tug/libimage"
	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/registry"
	"github.com/tug-containers/tug/test/registry/hostile"
)

// fakeDocker is what of a Docker daemon an image passes through.
func fakeDocker(t *testing.T) string {
	t.Helper()
	var archive []byte
	mux := http.NewServeMux()
	mux.HandleFunc("POST /images/load", func(w http.ResponseWriter, r *http.Request) {
		archive, _ = io.ReadAll(r.Body)
		fmt.Fprint(w, `{"stream":"Loaded image"}`)
	})
	mux.HandleFunc("GET /images/{name...}", func(w http.ResponseWriter, r *http.Request) {
		if archive == nil || !strings.HasPrefix(r.PathValue("name"), "app:x/") {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"message":"no such image"}`)
			return
		}
		_, _ = w.Write(archive)
	})
	socket := filepath.Join(t.TempDir(), "docker.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return "unix://" + socket
}

// TestCopyTransports passes an image from place to place, through all of
// them, and compares what arrives.
func TestCopyTransports(t *testing.T) {
	store, reg := newStore(t), registry.New(t, registry.Options{})
	built := smallImage(t, nil)
	dir := t.TempDir()
	if err := built.WriteLayout(filepath.Join(dir, "layout"), "v1"); err != nil {
		t.Fatal(err)
	}
	in := fmt.Sprintf("containers-storage:[overlay@%s+%s]", store.Root(), store.RunRoot())
	access := plain(t)
	access.DockerHost = fakeDocker(t)
	opts := libimage.CopyOptions{Source: access, Destination: access}
	opts.TempDir = filepath.Join(dir, "tmp")
	if err := os.Mkdir(opts.TempDir, 0o700); err != nil {
		t.Fatal(err)
	}
	way := []string{
		"oci:" + dir + "/layout:v1", "docker://" + reg.Ref("app:x"), "dir:" + dir + "/plain", "oci-archive:" + dir + "/a.tar:v2",
		in + "localhost/app:x", "docker-archive:" + dir + "/d.tar:app:x", "docker-daemon:app:x", "oci:" + dir + "/last:v1",
	}
	for i, dst := range way[1:] {
		done, err := libimage.Copy(t.Context(), dst, way[i], opts)
		if err != nil {
			t.Fatalf("%s -> %s: %v", way[i], dst, err)
		}
		if i < 4 && done.Digest != built.Digest() {
			t.Errorf("%s: digest %s, want %s", dst, done.Digest, built.Digest())
		}
	}
	found, err := libimage.Inspect(t.Context(), way[len(way)-1], libimage.InspectOptions{Access: plain(t)})
	if err != nil || string(found.Config) != string(built.Config) {
		t.Errorf("the config changed: %v\n%s\n%s", err, found.Config, built.Config)
	}
	if _, err := libimage.Copy(t.Context(), "oci:"+dir+"/x:y", "tarball:"+write(t, "x.tar", strings.Repeat("\x00", 1024)), opts); err != nil {
		t.Errorf("tarball: %v", err)
	}
	left(t, opts.TempDir)
	left(t, filepath.Join(store.Root(), "tug", "tmp"))
}

func TestCopyFailures(t *testing.T) {
	dir, server := t.TempDir(), hostile.New(t, hostile.Options{})
	name := "docker://" + server.Add(smallImage(t, nil), "app:x")
	multi := "docker://" + server.Add(stock(t)["busybox:multi"], "busybox:multi")
	access := plain(t)
	access.DockerHost = fakeDocker(t)
	opts := libimage.CopyOptions{Source: access, Destination: access}
	for _, tc := range []struct {
		src, dst, object string
		class            error
	}{
		{"docker://" + server.Host + "/none", "dir:" + dir + "/x", server.Host + "/none", libimage.ErrNotFound},
		{"app:x", "dir:" + dir + "/x", "app:x", libimage.ErrReference},
		{name, "app", "app", libimage.ErrReference},
		{"martian:x", "dir:" + dir + "/x", "martian:x", libimage.ErrReference},
		{"oci:" + dir + "/none:x", "dir:" + dir + "/x", dir + "/none", nil},
		{"docker-archive:" + dir + "/none.tar", "dir:" + dir + "/x", dir + "/none.tar", libimage.ErrNotFound},
		{"docker-daemon:none:x", "dir:" + dir + "/x", "none:x", libimage.ErrNotFound},
		{name, "docker-daemon:sha256:" + strings.Repeat("a", 64), name, nil},
		{name, "docker://127.0.0.1:1/app:x", "127.0.0.1:1", libimage.ErrNetwork},
		{"containers-storage:[overlay@relative]x", "dir:" + dir + "/x", "relative", libimage.ErrReference},
		{name, "dir:" + dir + "/none/deeper/x", dir, nil},
	} {
		_, err := libimage.Copy(t.Context(), tc.dst, tc.src, opts)
		oneLine(t, err, tc.object)
		if tc.class != nil && !errors.Is(err, tc.class) {
			t.Errorf("%s -> %s: %v, want class %v", tc.src, tc.dst, err, tc.class)
		}
	}
	wrong := opts
	wrong.Platform.Architecture = "s390x"
	_, err := libimage.Copy(t.Context(), "dir:"+dir+"/x", multi, wrong)
	oneLine(t, err, multi)
	if !errors.Is(err, libimage.ErrPlatform) {
		t.Errorf("%v", err)
	}
	server.On("GET", "/blobs/", hostile.Corrupt()).After(1)
	if _, err = libimage.Copy(t.Context(), "oci-archive:"+dir+"/half.tar:x", name, opts); !errors.Is(err, libimage.ErrVerification) {
		t.Errorf("%v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "tug-stage") || e.Name() == "half.tar" {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}

func TestCopyOptions(t *testing.T) {
	dir, server := t.TempDir(), hostile.New(t, hostile.Options{})
	all := stock(t)
	multi := "docker://" + server.Add(all["busybox:multi"], "busybox:multi")
	opts := libimage.CopyOptions{Source: plain(t), Destination: plain(t), Selection: libimage.SelectAll}
	done, err := libimage.Copy(t.Context(), "oci:"+dir+"/all:x", multi, opts)
	if err != nil || done.Digest != all["busybox:multi"].Digest() {
		t.Errorf("all: %v %v", done.Digest, err)
	}
	opts.Selection, opts.Platform.Architecture = libimage.SelectSystem, images.OtherArch()
	done, err = libimage.Copy(t.Context(), "oci:"+dir+"/one:x", multi, opts)
	if err != nil || done.Digest != all["busybox:multi"].Children[1].Digest() {
		t.Errorf("one: %v %v", done.Digest, err)
	}
	opts.Format, opts.PreserveDigests = "v2s2", true
	done, err = libimage.Copy(t.Context(), "dir:"+dir+"/kept", multi, opts)
	if err == nil && done.Digest != all["busybox:multi"].Children[1].Digest() {
		t.Error("the digest was to be preserved, and changed")
	}
	opts.PreserveDigests = false
	if done, err = libimage.Copy(t.Context(), "dir:"+dir+"/docker", multi, opts); err != nil || !strings.Contains(string(done.Manifest), images.DockerManifest) {
		t.Errorf("v2s2: %v", err)
	}
	opts.Format, opts.CompressFormat = "oci", "zstd"
	if done, err = libimage.Copy(t.Context(), "dir:"+dir+"/zstd", "oci:"+dir+"/one:x", opts); err != nil {
		t.Errorf("zstd: %v", err)
	}
	for name, edit := range map[string]func(*libimage.CopyOptions){
		"format":      func(o *libimage.CopyOptions) { o.Format = "martian" },
		"compression": func(o *libimage.CopyOptions) { o.CompressFormat = "martian" },
		"selection":   func(o *libimage.CopyOptions) { o.Selection = "martian" },
		"identity":    func(o *libimage.CopyOptions) { o.SignIdentity = "MARTIAN//" },
		"tag":         func(o *libimage.CopyOptions) { o.AdditionalTags = []string{"MARTIAN//"} },
	} {
		bad := opts
		edit(&bad)
		if _, err := libimage.Copy(t.Context(), "dir:"+dir+"/x", multi, bad); err == nil || !strings.Contains(strings.ToLower(err.Error()), "martian") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCopyAtOnce: 20 copies to one layout are 20 tags.
func TestCopyAtOnce(t *testing.T) {
	dir, server := filepath.Join(t.TempDir(), "layout"), hostile.New(t, hostile.Options{})
	built := smallImage(t, nil)
	var wait sync.WaitGroup
	errs := make(chan error, 20)
	for i := range 20 {
		name := "docker://" + server.Add(built, fmt.Sprintf("app:%d", i))
		wait.Go(func() {
			_, err := libimage.Copy(t.Context(), fmt.Sprintf("oci:%s:%d", dir, i), name, libimage.CopyOptions{Source: plain(t)})
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
	for i := range 20 {
		if _, err := libimage.Inspect(t.Context(), fmt.Sprintf("oci:%s:%d", dir, i), libimage.InspectOptions{}); err != nil {
			t.Error(err)
		}
	}
}

const sigstoreKey = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEFNLqFhf4fiN6o/glAuYnq2jYUeL0
vRuLu/z39pmbVwS9ff5AYnlwaP9sxREajdLY9ynM6G1sy6AAmb7Z63TsLg==
-----END PUBLIC KEY-----
`

// TestPolicy: policy.json decides; without one everything is accepted, and a
// named one must be there.
func TestPolicy(t *testing.T) {
	store, server := newStore(t), hostile.New(t, hostile.Options{})
	name := server.Add(smallImage(t, nil), "app:x")
	opts := libimage.PullOptions{Access: plain(t)}
	opts.Access.Policy = write(t, "policy.json", `{"default":[{"type":"reject"}]}`)
	_, err := libimage.Pull(t.Context(), store, name, opts)
	oneLine(t, err, name)
	if !errors.Is(err, libimage.ErrVerification) {
		t.Errorf("%v", err)
	}
	unchanged(t, store, 0)
	opts.Access.Policy = write(t, "policy.json", `{"default":[{"type":"sigstoreSigned","keyData":"`+
		base64.StdEncoding.EncodeToString([]byte(sigstoreKey))+`"}]}`)
	_, err = libimage.Pull(t.Context(), store, name, opts)
	oneLine(t, err, name)
	if !errors.Is(err, libimage.ErrVerification) {
		t.Errorf("sigstore: %v", err)
	}
	unchanged(t, store, 0)
	for _, bad := range []string{filepath.Join(t.TempDir(), "none"), write(t, "policy.json", `{"default":[]}`), write(t, "policy.json", `{`)} {
		opts.Access.Policy = bad
		_, err := libimage.Pull(t.Context(), store, name, opts)
		oneLine(t, err, "policy")
	}
	unchanged(t, store, 0)
	t.Setenv("CONTAINERS_POLICY_JSON", "")
	opts.Access.Policy = ""
	if _, err := os.Stat("/etc/containers/policy.json"); err == nil {
		t.Log("the host has a policy.json: the embedded default is not tried")
	}
	mustPull(t, store, name, opts)
}

func TestInspect(t *testing.T) {
	server := hostile.New(t, hostile.Options{})
	all := stock(t)
	name := "docker://" + server.Add(all["busybox:latest"], "busybox:latest")
	multi := "docker://" + server.Add(all["busybox:multi"], "busybox:multi")
	opts := libimage.InspectOptions{Access: plain(t)}
	found, err := libimage.Inspect(t.Context(), name, opts)
	if err != nil || found.Digest != all["busybox:latest"].Digest() || found.Info.Os != "linux" || len(found.Tags) != 2 ||
		len(found.Info.LayersData) != 1 || string(found.Manifest) != string(all["busybox:latest"].Manifest) {
		t.Errorf("%+v %v", found, err)
	}
	opts.Platform.Architecture = images.OtherArch()
	found, err = libimage.Inspect(t.Context(), multi, opts)
	if err != nil || found.Info.Architecture != images.OtherArch() || found.Digest != all["busybox:multi"].Digest() {
		t.Errorf("%+v %v", found, err)
	}
	for _, r := range server.Requests() {
		if strings.Contains(r.Path, "/blobs/") && !strings.Contains(r.Path, all["busybox:latest"].ID()) &&
			!strings.Contains(r.Path, all["busybox:multi"].Children[1].ID()) {
			t.Errorf("more than the config was fetched: %s", r.Path)
		}
	}
	artifact := *all["busybox:latest"]
	artifact.Manifest = []byte(strings.Replace(string(artifact.Manifest), "application/vnd.oci.image.config.v1+json", "application/vnd.example.thing", 1))
	thing := "docker://" + server.Add(&artifact, "thing:v1")
	found, err = libimage.Inspect(t.Context(), thing, libimage.InspectOptions{Access: plain(t)})
	if err != nil || found.Image || found.ArtifactType != "application/vnd.example.thing" || found.Config != nil {
		t.Errorf("%+v %v", found, err)
	}
	_, err = libimage.Pull(t.Context(), newStore(t), strings.TrimPrefix(thing, "docker://"), libimage.PullOptions{Access: plain(t)})
	if !errors.Is(err, libimage.ErrNotImage) {
		t.Errorf("pull of an artifact: %v", err)
	}
	if _, err := libimage.Inspect(t.Context(), "docker://"+server.Host+"/none", opts); !errors.Is(err, libimage.ErrNotFound) {
		t.Errorf("%v", err)
	}
}
