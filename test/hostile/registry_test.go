// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/registry/hostile"
)

// TestRegistry is a registry that refuses, breaks off or lies. Each answer is
// given where it can be: to the first request, the manifest, a blob.
func TestRegistry(t *testing.T) {
	t.Parallel()
	p := settle(t)
	const half = 200 << 10
	bad := image(nil, images.File("more", 0o644, strings.Repeat("0123456789abcdef", 4<<10)))
	bad.Layers[1].Compression = images.None
	built, err := bad.Build()
	must(t, err)
	layer := newestLayer(t, built)
	for _, c := range []struct {
		name   string
		part   string
		answer hostile.Answer
		want   string // a part of the line
	}{
		{"401 at once", "/v2/", hostile.Status(401), "/bad:latest"},
		{"401", "", hostile.Unauthorized(), "unauthorized"},
		{"401 manifest", "/manifests/", hostile.Status(401), "nauthorized"},
		{"403 manifest", "/manifests/", hostile.Status(403), "/bad:latest"},
		{"404 manifest", "/manifests/", hostile.Status(404), "/bad:latest"},
		{"404 blob", "/blobs/" + layer, hostile.Status(404), layer},
		{"429 manifest", "/manifests/", hostile.RateLimit("1"), "/bad:latest"},
		{"429 blob", "/blobs/" + layer, hostile.RateLimit("1"), layer},
		{"500 manifest", "/manifests/", hostile.Status(500), "/bad:latest"},
		{"503 blob", "/blobs/" + layer, hostile.Status(503), layer},
		{"login page", "", hostile.HTML(), "/bad:latest"},
		{"login page for a manifest", "/manifests/", hostile.HTML(), "/bad:latest"},
		{"login page for a blob", "/blobs/" + layer, hostile.HTML(), layer},
		{"manifest cut", "/manifests/", hostile.Cut(50), "/bad:latest"},
		{"blob cut at once", "/blobs/" + layer, hostile.Cut(0), layer},
		{"blob cut", "/blobs/" + layer, hostile.Cut(30000), layer},
		{"wrong digest", "/blobs/" + layer, hostile.Corrupt(), layer},
		{"blob too long", "/blobs/" + layer, hostile.Longer(1), layer},
		{"blob too short", "/blobs/" + layer, hostile.Shorter(1), layer},
		{"endless blob", "/blobs/" + layer, hostile.Endless(1 << 40), layer},
		{"endless manifest", "/manifests/", hostile.Endless(1 << 40), "/bad:latest"},
		{"manifest of another", "/manifests/", hostile.Body([]byte("{}"), ""), "/bad:latest"},
		{"empty manifest", "/manifests/", hostile.Body(nil, ""), "/bad:latest"},
		{"endless error", "/manifests/", endlessError, "/bad:latest"},
		{"blob redirected in a circle", "/blobs/" + layer, circle, layer},
		{"blob redirected to a file", "/blobs/" + layer, hostile.Redirect("file:///etc/passwd"), layer},
		{"blob redirected to link-local", "/blobs/" + layer, hostile.Redirect("http://169.254.169.254/x"), "169.254.169.254"},
	} {
		p.try(t, c.name, func(t *testing.T) {
			name := p.registry.Add(built, "bad:latest")
			p.registry.On("", c.part, c.answer)
			p.call(t, call{args: p.pulling(name), disk: half + maxDisk/4}).fails(t, 125, c.want)
		})
	}
	p.try(t, "unknown image", func(t *testing.T) {
		p.pull(t, p.registry.Host+"/nobody/nothing:1").fails(t, 125, "nobody/nothing:1")
		p.start(t, runtimes[0], "--pull=never", "nothing-here").fails(t, 125, "nothing-here")
		r := p.run(t, "tug-inspect", "nothing-here")
		r.stdout = strings.TrimPrefix(r.stdout, "[]\n") // as podman: an array, with nothing in it
		r.fails(t, 125, "nothing-here")
		p.run(t, "tug-rmi", "nothing-here").fails(t, 1, "nothing-here")
		p.run(t, "tug-tag", "nothing-here", "x").fails(t, 125, "nothing-here")
	})
	p.try(t, "run of a missing image", func(t *testing.T) {
		p.start(t, runtimes[0], "-q", p.registry.Host+"/nobody/nothing:1").fails(t, 125, "nobody/nothing:1")
	})
	p.try(t, "registry down", func(t *testing.T) {
		p.pull(t, "127.0.0.1:1/nothing:1").fails(t, 125, "127.0.0.1:1/nothing:1")
		p.run(t, "tug-copy", "-q", "--retry-times=0", "docker://127.0.0.1:1/nothing:1", "dir:"+p.tmp+"/x").fails(t, 4, "127.0.0.1:1/nothing:1")
		p.run(t, "tug-inspect", "docker://127.0.0.1:1/nothing:1").fails(t, 4, "127.0.0.1:1/nothing:1")
	})
	p.try(t, "no such host", func(t *testing.T) {
		p.pull(t, "registry.invalid/nothing:1").fails(t, 125, "registry.invalid")
	})
	p.try(t, "silent manifest", func(t *testing.T) {
		// The command is ended by a person after a while: nothing is left.
		p.registry.On("", "/manifests/", hostile.Silent())
		name := p.registry.Add(built, "bad:latest")
		p.interrupted(t, call{args: p.pulling(name)})
	})
	p.try(t, "stalled blob", func(t *testing.T) {
		p.registry.On("", "/blobs/"+layer, hostile.Stall(30000))
		name := p.registry.Add(built, "bad:latest")
		p.interrupted(t, call{args: p.pulling(name)})
	})
}

// TestRetry is what may pass: the command asks again, waits as it is told, and
// gives up in the end.
func TestRetry(t *testing.T) {
	t.Parallel()
	p := settle(t)
	bad := image(nil, images.File("more", 0o644, "more"))
	built, err := bad.Build()
	must(t, err)
	layer := newestLayer(t, built)
	for _, c := range []struct {
		name, part string
		answer     hostile.Answer
	}{
		{"429 with Retry-After", "/manifests/", hostile.RateLimit("1")},
		{"503", "/manifests/", hostile.Status(503)},
		{"503 for a blob", "/blobs/" + layer, hostile.Status(503)},
		{"cut", "/blobs/" + layer, hostile.Cut(20)},
	} {
		p.try(t, c.name, func(t *testing.T) {
			name := p.registry.Add(built, "bad:latest")
			p.registry.On("", c.part, c.answer).Times(1)
			start := time.Now()
			p.run(t, "tug-pull", "-q", "--tls-verify=false", "--retry-delay=10ms", name).works(t)
			if c.name == "429 with Retry-After" && time.Since(start) < time.Second {
				t.Errorf("did not wait for the second that Retry-After asked for: %v", time.Since(start))
			}
		})
	}
	p.try(t, "in vain", func(t *testing.T) {
		name := p.registry.Add(built, "bad:latest")
		p.registry.On("", "/manifests/", hostile.Status(503))
		before := len(p.registry.Requests())
		p.run(t, "tug-pull", "-q", "--tls-verify=false", "--retry=2", "--retry-delay=10ms", name).fails(t, 125, name)
		if n := len(p.registry.Requests()) - before; n > 12 {
			t.Errorf("%d requests", n)
		}
	})
	p.try(t, "wrong content is not asked for again", func(t *testing.T) {
		name := p.registry.Add(built, "bad:latest")
		p.registry.On("", "/blobs/"+layer, hostile.Corrupt())
		before := p.registry.Count("GET", "/blobs/"+layer)
		p.run(t, "tug-pull", "-q", "--tls-verify=false", "--retry-delay=10ms", name).fails(t, 125, layer)
		if n := p.registry.Count("GET", "/blobs/"+layer) - before; n > 2 {
			t.Errorf("asked %d times", n)
		}
	})
}

// TestTLS is a certificate that nobody vouches for.
func TestTLS(t *testing.T) {
	t.Parallel()
	p := settle(t)
	secure := hostile.New(t, hostile.Options{TLS: true})
	built, err := image(nil, images.File("more", 0o644, "more")).Build()
	must(t, err)
	name := secure.Add(built, "bad:latest")
	p.try(t, "unknown authority", func(t *testing.T) {
		p.run(t, "tug-pull", "-q", name).soon(t).fails(t, 125, name, "certificate")
		p.run(t, "tug-inspect", "docker://"+name).fails(t, 4, name, "certificate")
		p.run(t, "tug-login", "-u", "user", "-p", "password", secure.Host).fails(t, 125, secure.Host)
	})
	p.try(t, "plain HTTP", func(t *testing.T) {
		plain := hostile.New(t, hostile.Options{})
		p.run(t, "tug-pull", "-q", plain.Host+"/good:latest").soon(t).fails(t, 125, plain.Host)
	})
	p.try(t, "trusted", func(t *testing.T) {
		p.run(t, "tug-pull", "-q", "--retry=0", "--cert-dir", secure.CertDir, name).works(t)
	})
}
