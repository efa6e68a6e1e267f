// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"testing"

	"go.podman.io/image/v5/types"
)

// testGuard knows some names, and no proxy.
func testGuard(t *testing.T, host string, a Access, identity bool) *guard {
	t.Helper()
	sys := &types.SystemContext{}
	if identity {
		sys.DockerAuthConfig = &types.DockerAuthConfig{IdentityToken: "x"}
	}
	named, err := parseNamed(host + "/app")
	if err != nil {
		t.Fatal(err)
	}
	g := newGuard(a, sys, host, named)
	g.proxy = func(*url.URL) (*url.URL, error) { return nil, nil }
	g.lookup = func(_ context.Context, host string) ([]netip.Addr, error) {
		for name, addr := range map[string]string{
			"inside.example": "10.0.0.7", "rebind.example": "127.0.0.1", "meta.example": "169.254.169.254",
			"six.example": "fd00::1", "mapped.example": "::ffff:127.0.0.1",
		} {
			if name == host {
				return []netip.Addr{netip.MustParseAddr(addr)}, nil
			}
		}
		return []netip.Addr{netip.MustParseAddr("93.184.216.34")}, nil
	}
	return g
}

func TestGuard(t *testing.T) {
	for _, tc := range []struct {
		host, url string
		allowed   bool
	}{
		{"registry.example", "https://registry.example/v2/", true},
		{"registry.example", "https://cdn.other.example/blob?sig=1", true},
		{"registry.example", "https://auth.registry.example/token?account=me", true},
		{"hub.registry.example", "https://auth.registry.example/token?account=me", true},
		{"registry.example", "https://evil.test/token?account=me", false},
		{"registry.example", "https://registry.example.evil.test/token?account=me", false},
		{"registry.example", "http://auth.registry.example/token?account=me", false},
		{"registry.example", "https://named.test/token?account=me", true}, // by the user
		{"docker.io", "https://auth.docker.io/token?account=me", true},
		{"a.co.uk", "https://b.co.uk/token?account=me", false},
		{"registry.example", "http://127.0.0.1:8080/x", false},
		{"registry.example", "http://[::1]/x", false},
		{"registry.example", "http://0.0.0.0/x", false},
		{"registry.example", "http://169.254.169.254/latest", false},
		{"registry.example", "http://10.1.2.3/x", false},
		{"registry.example", "http://100.64.0.1/x", false},
		{"registry.example", "https://inside.example/x", false},
		{"registry.example", "https://rebind.example/x", false},
		{"registry.example", "https://meta.example/x", false},
		{"registry.example", "https://six.example/x", false},
		{"registry.example", "https://mapped.example/x", false},
		{"inside.example", "https://10.1.2.3/x", true},
		{"inside.example", "http://169.254.169.254/x", false},
		{"127.0.0.1:5000", "http://127.0.0.1:5001/x", true},
		{"127.0.0.1:5000", "http://169.254.169.254/x", false},
		{"127.0.0.1:5000", "http://127.0.0.1:5001/token?account=me", true}, // the same host
		{"127.0.0.1:5000", "http://127.0.0.2:5001/token?account=me", false},
		{"registry.example", "file:///etc/shadow", false},
		{"registry.example", "gopher://registry.example/", false},
	} {
		u, err := url.Parse(tc.url)
		if err != nil {
			t.Fatal(err)
		}
		_, err = testGuard(t, tc.host, Access{TokenHosts: []string{"named.test"}}, false).check(u)
		if (err == nil) != tc.allowed || (err != nil && !(errors.Is(err, ErrForbiddenHost) && errors.Is(err, ErrAuth))) {
			t.Errorf("%s -> %s: %v", tc.host, tc.url, err)
		}
	}
}

func check(t *testing.T, g *guard, raw string) error {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	_, err = g.check(u)
	return err
}

// TestGuardDowngrade: no way from https back to http, but for the ping.
func TestGuardDowngrade(t *testing.T) {
	g := testGuard(t, "registry.example", Access{}, false)
	for _, step := range []struct {
		url     string
		allowed bool
	}{
		{"https://registry.example/v2/", true},
		{"http://registry.example/v2/", true}, // the library tries it when it may
		{"https://registry.example/v2/app/manifests/x", true},
		{"http://registry.example/v2/app/blobs/x", false},
		{"http://cdn.example/x", false},
	} {
		if err := check(t, g, step.url); (err == nil) != step.allowed {
			t.Errorf("%s: %v", step.url, err)
		}
	}
}

// TestGuardMirrors: one mirror over https, the next over http.
func TestGuardMirrors(t *testing.T) {
	g := testGuard(t, "registry.example", Access{}, false)
	g.hosts["mirror.example"] = true
	for _, step := range []struct {
		url     string
		allowed bool
	}{
		{"https://registry.example/v2/app/manifests/x", true},
		{"http://mirror.example/v2/app/manifests/x", true},
		{"http://cdn.test/x", true},
		{"http://registry.example/v2/app/blobs/x", false},
	} {
		if err := check(t, g, step.url); (err == nil) != step.allowed {
			t.Errorf("%s: %v", step.url, err)
		}
	}
}

// TestGuardIdentity: an identity token is sent right after the ping.
func TestGuardIdentity(t *testing.T) {
	g := testGuard(t, "registry.example", Access{}, true)
	if err := check(t, g, "https://registry.example/v2/"); err != nil {
		t.Fatal(err)
	}
	if err := check(t, g, "https://evil.test/token"); !errors.Is(err, ErrForbiddenHost) {
		t.Errorf("the token would go to another domain: %v", err)
	}
	for _, u := range []string{"https://registry.example/v2/", "https://auth.registry.example/token", "https://cdn.test/blob"} {
		if err := check(t, g, u); err != nil {
			t.Error(err)
		}
	}
}
