// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/registry/hostile"
)

func TestAnswers(t *testing.T) {
	image := images.Image{Layers: []images.Layer{{Entries: []images.Entry{images.Zeros("big", 0o644, 1<<20)}}}}
	built, err := image.Build()
	if err != nil {
		t.Fatal(err)
	}
	srv := hostile.New(t, hostile.Options{})
	srv.Add(built, "app:one")
	manifest := srv.URL + "/v2/app/manifests/one"
	get := func(url string) (int, []byte, error) {
		t.Helper()
		resp, err := http.Get(url)
		if err != nil {
			return 0, nil, err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return resp.StatusCode, body, err
	}
	right := func(when string) {
		t.Helper()
		if code, body, err := get(manifest); code != 200 || err != nil || !bytes.Equal(body, built.Manifest) {
			t.Errorf("%s: %d %v %s", when, code, err, body)
		}
	}
	right("no rule")
	for name, c := range map[string]struct {
		answer hostile.Answer
		code   int
		length int
		broken bool
	}{
		"status":  {hostile.Status(503), 503, -1, false},
		"limit":   {hostile.RateLimit("1"), 429, -1, false},
		"cut":     {hostile.Cut(10), 200, 10, true},
		"longer":  {hostile.Longer(5), 200, len(built.Manifest) + 5, false},
		"shorter": {hostile.Shorter(5), 200, len(built.Manifest) - 5, false},
		"endless": {hostile.Endless(1 << 20), 200, len(built.Manifest) + 1<<20, false},
		"corrupt": {hostile.Corrupt(), 200, len(built.Manifest), false},
		"html":    {hostile.HTML(), 200, -1, false},
	} {
		srv.Clear()
		srv.On("GET", "/manifests/", c.answer).After(1).Times(1)
		right(name + ", before")
		code, body, err := get(manifest)
		if code != c.code || (err != nil) != c.broken || c.length >= 0 && len(body) != c.length || bytes.Equal(body, built.Manifest) {
			t.Errorf("%s: %d, %d bytes, %v", name, code, len(body), err)
		}
		right(name + ", after")
	}
	if srv.Count("GET", "/manifests/one") < 20 || srv.Count("GET", "/blobs/") != 0 {
		t.Errorf("request log: %v", srv.Requests())
	}
}
