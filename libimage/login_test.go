// SPDX-License-Identifier: Apache-2.0

package libimage_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tug-containers/tug/libimage"
	"github.com/tug-containers/tug/test/registry"
	"github.com/tug-containers/tug/test/registry/hostile"
	"golang.org/x/sys/unix"
)

// TestLogin goes through a real registry with TLS and passwords.
func TestLogin(t *testing.T) {
	store := newStore(t)
	reg := registry.New(t, registry.Options{TLS: true, Users: map[string]string{"anna": "s3cr:t"}})
	name := reg.Push(t, smallImage(t, nil), "app:x")
	access := plain(t)
	access.TLSVerify, access.CertDir = nil, reg.CertDir
	pull := func() error {
		_, err := libimage.Pull(t.Context(), store, name, libimage.PullOptions{Access: access})
		return err
	}
	login := func(credentials string) error {
		a := access
		a.Credentials = credentials
		return libimage.Login(t.Context(), reg.Host, a)
	}
	err := pull()
	oneLine(t, err, name)
	if !errors.Is(err, libimage.ErrAuth) {
		t.Errorf("without credentials: %v", err)
	}
	err = login("anna:wrong")
	oneLine(t, err, reg.Host)
	if !errors.Is(err, libimage.ErrAuth) || strings.Contains(err.Error(), "wrong") {
		t.Errorf("wrong password: %v", err)
	}
	if _, err := os.Stat(access.AuthFile); err == nil {
		t.Error("a refused password was stored")
	}
	if err := login("anna:s3cr:t"); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(access.AuthFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if user, err := libimage.LoggedIn(t.Context(), reg.Host, access); err != nil || user != "anna" {
		t.Errorf("%s %v", user, err)
	}
	if err := libimage.Verify(t.Context(), reg.Host, access); err != nil {
		t.Error(err)
	}
	if err := pull(); err != nil {
		t.Error(err)
	}
	if err := libimage.Logout(t.Context(), reg.Host, access); err != nil {
		t.Error(err)
	}
	if err := libimage.Logout(t.Context(), reg.Host, access); !errors.Is(err, libimage.ErrNotLoggedIn) {
		t.Errorf("%v", err)
	}
	if err := pull(); !errors.Is(err, libimage.ErrAuth) {
		t.Errorf("after logout: %v", err)
	}
	access.Credentials = "anna:s3cr:t"
	if err := pull(); err != nil {
		t.Errorf("--creds: %v", err)
	}
	access.CertDir = t.TempDir()
	err = pull()
	oneLine(t, err, name)
	if !errors.Is(err, libimage.ErrNetwork) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("unknown authority: %v", err)
	}
}

// TestLoginsAtOnce: none is lost, and the file is whole at any time.
func TestLoginsAtOnce(t *testing.T) {
	access := plain(t)
	server := hostile.New(t, hostile.Options{})
	server.On("", "", hostile.Password("u", "p"))
	const n = 32
	var wait sync.WaitGroup
	errs := make(chan error, 2*n)
	for i := range n {
		wait.Go(func() {
			a := access
			a.Credentials = "u:p"
			errs <- libimage.Login(t.Context(), fmt.Sprintf("%s/team%d", server.Host, i), a)
		})
		wait.Go(func() {
			raw, err := os.ReadFile(access.AuthFile)
			if err == nil && !json.Valid(raw) {
				errs <- fmt.Errorf("half a file: %s", raw)
			}
		})
	}
	wait.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	for i := range n {
		if user, err := libimage.LoggedIn(t.Context(), fmt.Sprintf("%s/team%d", server.Host, i), access); err != nil || user != "u" {
			t.Errorf("login %d is lost: %v", i, err)
		}
	}
	if err := libimage.LogoutAll(t.Context(), access); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(filepath.Dir(access.AuthFile))
	if err != nil || len(entries) > 1 {
		t.Errorf("%v %v", entries, err)
	}
}

// TestAuthFile: what is no file of ours is refused before it is read.
func TestAuthFile(t *testing.T) {
	server := hostile.New(t, hostile.Options{})
	server.On("", "", hostile.Password("u", "p"))
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := unix.Mkfifo(path("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(path("directory"), 0o700))
	must(os.WriteFile(path("huge"), nil, 0o600))
	must(os.Truncate(path("huge"), 1<<30))
	must(os.Symlink(path("fifo"), path("link to a fifo")))
	must(os.WriteFile(path("foreign"), []byte("{}"), 0o600))
	if os.Geteuid() == 0 {
		must(os.Chown(path("foreign"), 4242, 4242))
	}
	must(os.WriteFile(path("half"), []byte(`{"auths":{`), 0o600))
	for _, name := range []string{"fifo", "directory", "huge", "link to a fifo", "foreign", "half"} {
		access := plain(t)
		access.AuthFile = path(name)
		_, err := libimage.LoggedIn(t.Context(), server.Host, access)
		if name == "foreign" && os.Geteuid() != 0 {
			continue
		}
		oneLine(t, err, server.Host[:0]+dir)
		access.Credentials = "u:p"
		if err := libimage.Login(t.Context(), server.Host, access); err == nil {
			t.Errorf("%s: login wrote to it", name)
		}
	}
	// Readable by others: a warning. Through a link: the target is replaced.
	must(os.WriteFile(path("open"), []byte("{}"), 0o644))
	must(os.Symlink(path("open"), path("link")))
	access := plain(t)
	access.AuthFile, access.Credentials = path("link"), "u:p"
	var warnings []string
	access.Warn = func(s string) { warnings = append(warnings, s) }
	must(libimage.Login(t.Context(), server.Host, access))
	if len(warnings) == 0 || !strings.Contains(warnings[0], "0644") {
		t.Errorf("warnings: %q", warnings)
	}
	if info, err := os.Lstat(path("link")); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
	if info, err := os.Stat(path("open")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

// TestHelper: a credential helper that is missing, fails or babbles is an
// error, and no request is made.
func TestHelper(t *testing.T) {
	server := hostile.New(t, hostile.Options{})
	name := server.Add(smallImage(t, nil), "app")
	store := newStore(t)
	bin := t.TempDir()
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	for helper, script := range map[string]string{
		"missing": "", "failing": "#!/bin/sh\nexit 3\n", "babbling": "#!/bin/sh\necho '<html>'\n",
	} {
		if script != "" {
			if err := os.WriteFile(filepath.Join(bin, "docker-credential-"+helper), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		access := plain(t)
		access.AuthFile = write(t, "auth.json", fmt.Sprintf(`{"credHelpers":{%q:%q}}`, server.Host, helper))
		_, err := libimage.Pull(t.Context(), store, name, libimage.PullOptions{Access: access})
		oneLine(t, err, server.Host)
		if !errors.Is(err, libimage.ErrAuth) {
			t.Errorf("%s: %v", helper, err)
		}
	}
	if n := len(server.Requests()); n > 0 {
		t.Errorf("%d requests", n)
	}
	good := "#!/bin/sh\necho '{\"ServerURL\":\"x\",\"Username\":\"u\",\"Secret\":\"p\"}'\n"
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-good"), []byte(good), 0o755); err != nil {
		t.Fatal(err)
	}
	server.On("", "", hostile.Password("u", "p"))
	access := plain(t)
	access.AuthFile = write(t, "auth.json", fmt.Sprintf(`{"credHelpers":{%q:"good"}}`, server.Host))
	mustPull(t, store, name, libimage.PullOptions{Access: access})
}

// TestRealm: a password does not leave the registry's host, whatever the
// registry says.
func TestRealm(t *testing.T) {
	store := newStore(t)
	var stolen []string
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stolen = append(stolen, r.URL.String()+" "+r.Header.Get("Authorization"))
		fmt.Fprint(w, `{"token":"x"}`)
	}))
	defer thief.Close()
	elsewhere := strings.Replace(thief.URL, "127.0.0.1", "127.0.0.2", 1)
	for _, realm := range []string{
		elsewhere + "/token", "http://169.254.169.254/token", "file:///etc/passwd", "https://evil.test/token", "http://evil.test/token",
	} {
		server := hostile.New(t, hostile.Options{})
		name := server.Add(smallImage(t, nil), "app")
		server.On("", "", func(w http.ResponseWriter, _ *http.Request, _ *hostile.Server) {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="x"`, realm))
			w.WriteHeader(http.StatusUnauthorized)
		})
		access := plain(t)
		access.Credentials, access.Idle = "anna:secret", time.Second
		_, err := libimage.Pull(t.Context(), store, name, libimage.PullOptions{Access: access})
		oneLine(t, err, name)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", realm, err)
		}
		if err := libimage.Login(t.Context(), server.Host, access); err == nil {
			t.Errorf("%s: logged in", realm)
		}
	}
	if len(stolen) > 0 {
		t.Errorf("requests to another host: %q", stolen)
	}
}

// TestTokenServerTLS: a token server is held to the same certificates.
func TestTokenServerTLS(t *testing.T) {
	store, server := newStore(t), hostile.New(t, hostile.Options{TLS: true})
	name := server.Add(smallImage(t, nil), "app")
	var asked []string
	tokens := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("Authorization"))
	}))
	tokens.TLS = &tls.Config{Certificates: []tls.Certificate{foreignCertificate(t)}}
	tokens.StartTLS()
	defer tokens.Close()
	server.On("", "", func(w http.ResponseWriter, _ *http.Request, _ *hostile.Server) {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="x"`, tokens.URL))
		w.WriteHeader(http.StatusUnauthorized)
	})
	access := plain(t)
	access.TLSVerify, access.CertDir, access.Credentials = nil, server.CertDir, "anna:secret"
	_, err := libimage.Pull(t.Context(), store, name, libimage.PullOptions{Access: access})
	oneLine(t, err, name)
	if !errors.Is(err, libimage.ErrNetwork) || len(asked) > 0 {
		t.Errorf("%v; the token server got %q", err, asked)
	}
}

func foreignCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestForeignLayer: the URLs of a layer are not followed.
func TestForeignLayer(t *testing.T) {
	store, server := newStore(t), hostile.New(t, hostile.Options{})
	thief := hostile.New(t, hostile.Options{})
	built := smallImage(t, nil)
	manifest := strings.Replace(string(built.Manifest), `"layers":[{`, `"layers":[{"urls":["`+thief.URL+`/layer"],`, 1)
	if manifest == string(built.Manifest) {
		t.Fatal("no layer was changed")
	}
	built.Manifest = []byte(manifest)
	name := server.Add(built, "app")
	mustPull(t, store, name, libimage.PullOptions{Access: plain(t)})
	if n := len(thief.Requests()); n > 0 {
		t.Errorf("%d requests to the layer's own URL", n)
	}
}

// TestPushWithPassword: the destination has credentials of its own.
func TestPushWithPassword(t *testing.T) {
	reg := registry.New(t, registry.Options{TLS: true, Users: map[string]string{"anna": "s3cret"}})
	dir := t.TempDir()
	built := smallImage(t, nil)
	if err := built.WriteLayout(dir, "v1"); err != nil {
		t.Fatal(err)
	}
	opts := libimage.CopyOptions{Source: plain(t), Destination: plain(t)}
	opts.Destination.TLSVerify, opts.Destination.CertDir = nil, reg.CertDir
	dst := "docker://" + reg.Ref("team/app:x")
	_, err := libimage.Copy(t.Context(), dst, "oci:"+dir+":v1", opts)
	oneLine(t, err, reg.Host)
	if !errors.Is(err, libimage.ErrAuth) {
		t.Errorf("without credentials: %v", err)
	}
	opts.Destination.Credentials = "anna:s3cret"
	if done, err := libimage.Copy(t.Context(), dst, "oci:"+dir+":v1", opts); err != nil || done.Digest != built.Digest() {
		t.Errorf("%v %v", done.Digest, err)
	}
	tags, err := libimage.Tags(t.Context(), reg.Ref("team/app"), opts.Destination)
	if err != nil || len(tags) != 1 || tags[0] != "x" {
		t.Errorf("%v %v", tags, err)
	}
}
