// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"strings"
	"testing"

	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/registry/hostile"
)

// TestCodes is the class of an error, as scripts read it: the exit code of the
// verbs that are skopeo's, and --error-format=json for all.
func TestCodes(t *testing.T) {
	t.Parallel()
	p := settle(t)
	built, err := image(nil, images.File("more", 0o644, strings.Repeat("more", 10000))).Build()
	must(t, err)
	layer := "/blobs/" + newestLayer(t, built)
	for _, c := range []struct {
		name, part string
		answer     hostile.Answer
		code       int
		class      string
	}{
		{"404", "/manifests/", hostile.Status(404), 2, "not-found"},
		{"404 blob", layer, hostile.Status(404), 2, "not-found"},
		{"401", "", hostile.Unauthorized(), 3, "auth"},
		{"401 manifest", "/manifests/", hostile.Status(401), 3, "auth"},
		{"403", "/manifests/", hostile.Status(403), 3, "auth"},
		{"429", "/manifests/", hostile.RateLimit("0"), 4, "rate-limit"},
		{"500", "/manifests/", hostile.Status(500), 4, "network"},
		{"503 blob", layer, hostile.Status(503), 4, "network"},
		{"cut", layer, hostile.Cut(10), 4, "network"},
		{"cut manifest", "/manifests/", hostile.Cut(10), 4, "network"},
		{"wrong digest", layer, hostile.Corrupt(), 5, "verification"},
		{"too long", layer, hostile.Longer(1), 5, "verification"},
		{"too short", layer, hostile.Shorter(1), 5, "verification"},
		{"endless", layer, hostile.Endless(1 << 40), 5, "verification"},
		// The library's error of a manifest that is too large has no type.
		{"huge manifest", "/manifests/", hostile.Endless(1 << 40), 1, "internal"},
		{"login page", "/manifests/", hostile.HTML(), 1, "unsupported"},
	} {
		p.try(t, c.name, func(t *testing.T) {
			name := p.registry.Add(built, "bad:latest")
			p.registry.On("", c.part, c.answer)
			copying := []string{"tug-copy", "-q", "--src-tls-verify=false", "--retry-times=0", "docker://" + name, "dir:" + p.tmp + "/out"}
			p.run(t, copying...).fails(t, c.code, "/bad:latest")
			p.run(t, append(copying, "--error-format=json")...).class(t, c.class)
			p.discard(t, "out")
			p.call(t, call{args: append(p.pulling(name), "--error-format=json")}).class(t, c.class)
			if !strings.HasPrefix(c.part, "/blobs/") {
				p.run(t, "tug-inspect", "--tls-verify=false", "--retry-times=0", "docker://"+name).fails(t, c.code, "/bad:latest")
			}
		})
	}
	p.try(t, "wrong password", func(t *testing.T) {
		p.registry.On("", "", hostile.Password("right", "password"))
		p.run(t, "tug-login", "--tls-verify=false", "-u", "wrong", "-p", "password", p.registry.Host).fails(t, 125, p.registry.Host)
		p.pull(t, p.good, "--creds=wrong:password").fails(t, 125, "/good:latest")
		p.pull(t, p.good, "--creds=right:password").works(t)
		p.pull(t, p.good, "--creds=:").fails(t, 125, "credentials")
		p.pull(t, p.good, "--authfile="+p.dir+"/nothing").fails(t, 125, p.dir+"/nothing")
	})
	p.try(t, "usage", func(t *testing.T) {
		p.run(t, "tug-images", "--nonsense", "--error-format=json").class(t, "usage")
		p.run(t, "tug-run", "--error-format=json", "--rm", p.good, "/nothing").class(t, "not-found")
		p.run(t, "tug-run", "--error-format=json", "--rm", "--name=..", p.good, "true").class(t, "usage")
		p.run(t, "tug-run", "--error-format=json", "--rm", "--userns=auto", p.good, "true").class(t, "unsupported")
		p.run(t, "tug-run", "--error-format=json", "--rm", "--pull=never", "nothing-here").class(t, "not-found")
	})
}
