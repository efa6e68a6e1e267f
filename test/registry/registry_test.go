// SPDX-License-Identifier: Apache-2.0

package registry_test

import (
	"net/http"
	"testing"

	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/registry"
)

func TestRegistry(t *testing.T) {
	image := images.Image{Layers: []images.Layer{{Entries: []images.Entry{images.File("etc/motd", 0o644, "hello\n")}}}}
	built, err := image.Build()
	if err != nil {
		t.Fatal(err)
	}
	for name, opts := range map[string]registry.Options{
		"plain":    {},
		"tls":      {TLS: true},
		"password": {Users: map[string]string{"ann": "secret"}},
		"both":     {TLS: true, Users: map[string]string{"ann": "secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			reg := registry.New(t, opts)
			if got, want := reg.Push(t, built, "a/b:one"), reg.Host+"/a/b:one"; got != want {
				t.Errorf("pushed as %s, want %s", got, want)
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, reg.URL+"/v2/a/b/manifests/"+built.Digest().String(), http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Accept", built.ManifestType)
			resp, err := reg.Client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			want := http.StatusOK
			if opts.Users != nil {
				want = http.StatusUnauthorized
			}
			if resp.StatusCode != want {
				t.Errorf("manifest without credentials: %s, want %d", resp.Status, want)
			}
		})
	}
}
