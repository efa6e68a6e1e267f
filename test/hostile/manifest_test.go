// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/registry/hostile"
)

// forged gives a manifest that was good, changed as JSON text.
func forged(t *testing.T, change func(manifest string, doc v1.Manifest) string) *images.Built {
	t.Helper()
	built, err := image(nil, images.File("more", 0o644, "more")).Build()
	must(t, err)
	var doc v1.Manifest
	must(t, json.Unmarshal(built.Manifest, &doc))
	built.Manifest = []byte(change(string(built.Manifest), doc))
	return built
}

func replaced(old func(doc v1.Manifest) string, with string) func(string, v1.Manifest) string {
	return func(manifest string, doc v1.Manifest) string {
		return strings.ReplaceAll(manifest, old(doc), with)
	}
}

func raw(manifest string) func(string, v1.Manifest) string {
	return func(string, v1.Manifest) string { return manifest }
}

func layerSize(doc v1.Manifest) string {
	return fmt.Sprintf(`"size":%d`, doc.Layers[len(doc.Layers)-1].Size)
}

func layersOf(manifest string) string {
	return manifest[strings.Index(manifest, `"layers":`):]
}

// TestH21 is a document that is no manifest, or could be two.
func TestH21Manifests(t *testing.T) {
	t.Parallel()
	p := settle(t)
	for name, change := range map[string]func(string, v1.Manifest) string{
		"empty object":      raw(`{}`),
		"null":              raw(`null`),
		"array":             raw(`[]`),
		"number":            raw(`1`),
		"text":              raw(`"manifest"`),
		"not JSON":          raw("schemaVersion: 2\n"),
		"binary":            raw("\x7fELF\x00\x00\x00\x00"),
		"broken off":        func(m string, _ v1.Manifest) string { return m[:len(m)/2] },
		"more after it":     func(m string, _ v1.Manifest) string { return m + "{}" },
		"no layers":         func(m string, _ v1.Manifest) string { return strings.Replace(m, `"layers":`, `"x":`, 1) },
		"layers null":       func(m string, _ v1.Manifest) string { return strings.Replace(m, layersOf(m), `"layers":null}`, 1) },
		"layers an object":  func(m string, _ v1.Manifest) string { return strings.Replace(m, layersOf(m), `"layers":{}}`, 1) },
		"layers of null":    func(m string, _ v1.Manifest) string { return strings.Replace(m, layersOf(m), `"layers":[null]}`, 1) },
		"layers of numbers": func(m string, _ v1.Manifest) string { return strings.Replace(m, layersOf(m), `"layers":[1,2]}`, 1) },
		"fewer layers":      func(m string, _ v1.Manifest) string { return strings.Replace(m, layersOf(m), `"layers":[]}`, 1) },
		"no config":         replaced(func(v1.Manifest) string { return `"config":` }, `"x":`),
		"config null": func(m string, _ v1.Manifest) string {
			return strings.Replace(m, `"config":{`, `"config":null,"x":{`, 1)
		},
		"config twice": func(m string, _ v1.Manifest) string { return strings.Replace(m, `{`, `{"config":{},`, 1) },
		"Config too":   func(m string, _ v1.Manifest) string { return strings.Replace(m, `{`, `{"Config":{},`, 1) },
		"a digest twice": func(m string, _ v1.Manifest) string {
			return strings.Replace(m, `"digest":`, `"digest":"sha256:0","digest":`, 1)
		},
		"manifest and index": func(m string, _ v1.Manifest) string { return strings.Replace(m, `{`, `{"manifests":[],`, 1) },
		"NaN":                replaced(layerSize, `"size":NaN`),
		"deep": func(m string, _ v1.Manifest) string {
			return strings.Replace(m, `{`, `{"x":`+strings.Repeat("[", 10000)+strings.Repeat("]", 10000)+`,`, 1)
		},
		"deep, not closed":      raw(strings.Repeat(`{"a":`, 200000)),
		"many layers":           func(m string, d v1.Manifest) string { return manyLayers(m, d, 20000) },
		"schemaVersion 3":       replaced(func(v1.Manifest) string { return `"schemaVersion":2` }, `"schemaVersion":3`),
		"schemaVersion text":    replaced(func(v1.Manifest) string { return `"schemaVersion":2` }, `"schemaVersion":"2"`),
		"media type of another": replaced(func(v1.Manifest) string { return v1.MediaTypeImageManifest }, v1.MediaTypeImageIndex),
		"no image":              replaced(func(v1.Manifest) string { return v1.MediaTypeImageConfig }, "application/vnd.example.recipe+json"),
		// N02
		"size -1":         replaced(layerSize, `"size":-1`),
		"size 0":          replaced(layerSize, `"size":0`),
		"size 2^63-1":     replaced(layerSize, `"size":9223372036854775807`),
		"size 2^63":       replaced(layerSize, `"size":9223372036854775808`),
		"size 2^64+1":     replaced(layerSize, `"size":18446744073709551617`),
		"size 1e400":      replaced(layerSize, `"size":1e400`),
		"size a float":    func(m string, d v1.Manifest) string { return strings.ReplaceAll(m, layerSize(d), layerSize(d)+".5") },
		"size a text":     replaced(layerSize, `"size":"100"`),
		"size null":       replaced(layerSize, `"size":null`),
		"size one less":   func(m string, d v1.Manifest) string { return resized(m, d, -1) },
		"size one more":   func(m string, d v1.Manifest) string { return resized(m, d, 1) },
		"sizes overflow":  replaced(func(v1.Manifest) string { return `"size":` }, `"size":922337203685477580`),
		"data of another": func(m string, d v1.Manifest) string { return data(m, d, "something else") },
		"data not base64": func(m string, d v1.Manifest) string {
			return strings.Replace(m, layerSize(d), layerSize(d)+`,"data":"%%%"`, 1)
		},
		"config too large": func(m string, d v1.Manifest) string {
			return strings.Replace(m, fmt.Sprintf(`"size":%d`, d.Config.Size), `"size":4194305`, 1)
		},
	} {
		p.try(t, name, func(t *testing.T) {
			ref := p.registry.Add(forged(t, change), "bad:latest")
			p.pull(t, ref).soon(t).fails(t, 125, "/bad:latest")
		})
	}
}

func resized(manifest string, doc v1.Manifest, by int64) string {
	last := doc.Layers[len(doc.Layers)-1].Size
	return strings.Replace(manifest, layerSize(doc), fmt.Sprintf(`"size":%d`, last+by), 1)
}

func data(manifest string, doc v1.Manifest, content string) string {
	text := base64.StdEncoding.EncodeToString([]byte(content))
	return strings.Replace(manifest, layerSize(doc), layerSize(doc)+`,"data":"`+text+`"`, 1)
}

func manyLayers(manifest string, doc v1.Manifest, n int) string {
	one, _ := json.Marshal(doc.Layers[0])
	return strings.Replace(manifest, layersOf(manifest), `"layers":[`+strings.Repeat(string(one)+",", n)+string(one)+"]}", 1)
}

// TestH56 is a digest that is none, at each place where one can be: it never
// becomes a path or a URL.
func TestH56Digests(t *testing.T) {
	t.Parallel()
	p := settle(t)
	hex := strings.Repeat("ab", 32)
	bad := map[string]string{
		"up":        "sha256:../../../canary/file",
		"absolute":  "sha256:/etc/passwd",
		"short":     "sha256:" + hex[1:],
		"long":      "sha256:" + hex + "a",
		"huge":      "sha256:" + strings.Repeat("a", 1<<20),
		"upper":     "sha256:" + strings.ToUpper(hex),
		"NUL":       `sha256:\u0000` + hex[1:],
		"algorithm": "md5:" + hex[:32],
		"none":      hex,
		"empty":     "",
		"query":     "sha256:" + hex + "?x=y",
		"newline":   `sha256:` + hex[1:] + `\n`,
	}
	p.try(t, "reference", func(t *testing.T) {
		before := len(p.registry.Requests())
		for name, sum := range bad {
			if len(sum) > 1<<16 || strings.Contains(sum, `\u`) {
				sum = sum[:min(len(sum), 1<<16)] // as long as an argument may be
			}
			for _, args := range [][]string{
				p.pulling(p.registry.Host + "/bad@" + sum),
				{"tug-run", "--rm", "-q", p.registry.Host + "/bad@" + sum, "true"},
			} {
				if r := p.run(t, args...); r.code != 125 {
					t.Errorf("%s: %s: exit code %d", name, r, r.code)
				} else {
					r.fails(t, 125)
				}
			}
			p.run(t, "tug-inspect", "docker://"+p.registry.Host+"/bad@"+sum).failsIn(t, []int{1, 2, 125})
			p.run(t, "tug-tag", p.good, p.registry.Host+"/bad@"+sum).fails(t, 125)
		}
		if n := len(p.registry.Requests()) - before; n > 0 {
			t.Errorf("the registry was asked: %v", p.registry.Requests()[before:])
		}
	})
	asked := func(t *testing.T, from int) {
		t.Helper()
		for _, r := range p.registry.Requests()[from:] {
			if strings.Contains(r.Path, "..") || strings.Contains(r.Path, "passwd") || len(r.Path) > 1000 || strings.Contains(r.Path, "\x00") {
				t.Errorf("the registry was asked for %q", short(r.Path))
			}
		}
	}
	for name, sum := range bad {
		for place, old := range map[string]func(v1.Manifest) string{
			"layer":  func(d v1.Manifest) string { return d.Layers[len(d.Layers)-1].Digest.String() },
			"config": func(d v1.Manifest) string { return d.Config.Digest.String() },
		} {
			p.try(t, place+" "+name, func(t *testing.T) {
				ref := p.registry.Add(forged(t, replaced(old, sum)), "bad:latest")
				from := len(p.registry.Requests())
				p.pull(t, ref).fails(t, 125, "/bad:latest")
				p.run(t, "tug-copy", "-q", "--src-tls-verify=false", "--retry-times=0", "docker://"+ref, "oci:"+p.tmp+"/out").
					failsIn(t, []int{1, 2, 5}, "/bad:latest")
				p.discard(t, "out")
				asked(t, from)
			})
		}
		p.try(t, "index "+name, func(t *testing.T) {
			built, err := image(nil).Build()
			must(t, err)
			index, err := images.Index(built)
			must(t, err)
			index.Manifest = bytes.ReplaceAll(index.Manifest, []byte(built.Digest()), []byte(sum))
			index.Children = nil
			ref := p.registry.Add(index, "bad:latest")
			from := len(p.registry.Requests())
			p.pull(t, ref).fails(t, 125, "/bad:latest")
			asked(t, from)
		})
		p.try(t, "header "+name, func(t *testing.T) {
			built, err := image(nil, images.File("more", 0o644, "more")).Build()
			must(t, err)
			ref := p.registry.Add(built, "bad:latest")
			if strings.ContainsAny(sum, "\n\\") || len(sum) > 4096 {
				return // not a header
			}
			p.registry.On("", "/manifests/", hostile.Digest(sum))
			from := len(p.registry.Requests())
			// The content decides, not the header.
			if r := p.pull(t, ref); r.code != 0 {
				r.fails(t, 125, "/bad:latest")
			} else if id := strings.TrimSpace(r.stdout); id != built.ID() {
				t.Errorf("pulled %s, want %s", id, built.ID())
			}
			asked(t, from)
		})
	}
}

// TestN04 is Docker's schema 1, which is refused.
func TestN04Schema1(t *testing.T) {
	t.Parallel()
	p := settle(t)
	sum := digest.FromString("").String()
	history := func(ids ...string) string {
		var list []string
		for _, id := range ids {
			compat, _ := json.Marshal(fmt.Sprintf(`{"id":%q,"parent":"x","container_config":{"Cmd":["x"]}}`, id))
			list = append(list, fmt.Sprintf(`{"v1Compatibility":%s}`, compat))
		}
		return strings.Join(list, ",")
	}
	doc := func(layers int, more string, ids ...string) string {
		blobs := strings.TrimSuffix(strings.Repeat(fmt.Sprintf(`{"blobSum":%q},`, sum), layers), ",")
		return fmt.Sprintf(`{"schemaVersion":1,"name":"bad","tag":"latest","architecture":"amd64","fsLayers":[%s],"history":[%s]%s}`,
			blobs, history(ids...), more)
	}
	id := strings.Repeat("ab", 32)
	signature := `,"signatures":[{"header":{"alg":"ES256"},"signature":"x","protected":"e30"}]`
	for name, c := range map[string]struct{ manifest, mediaType string }{
		"unsigned":         {doc(1, "", id), "application/vnd.docker.distribution.manifest.v1+json"},
		"signed":           {doc(1, signature, id), "application/vnd.docker.distribution.manifest.v1+prettyjws"},
		"of no type":       {doc(1, signature, id), "application/json"},
		"of schema 2":      {doc(1, "", id), images.DockerManifest},
		"duplicate IDs":    {doc(2, "", id, id), "application/vnd.docker.distribution.manifest.v1+json"},
		"ID outside":       {doc(1, "", "../../canary/file"), "application/vnd.docker.distribution.manifest.v1+json"},
		"history mismatch": {doc(3, "", id), "application/vnd.docker.distribution.manifest.v1+json"},
		"nothing":          {doc(0, ""), "application/vnd.docker.distribution.manifest.v1+json"},
	} {
		p.try(t, name, func(t *testing.T) {
			ref := p.registry.Add(&images.Built{Manifest: []byte(c.manifest), ManifestType: c.mediaType}, "bad:latest")
			p.pull(t, ref).fails(t, 125, "/bad:latest", "schema 1")
		})
	}
}

// TestPlatforms is an image that is not for this machine.
func TestPlatforms(t *testing.T) {
	t.Parallel()
	p := settle(t)
	foreign := image(nil)
	foreign.Config.Architecture = images.OtherArch()
	built, err := foreign.Build()
	must(t, err)
	index, err := images.Index(built)
	must(t, err)
	for name, b := range map[string]*images.Built{"image": built, "index": index} {
		p.try(t, name, func(t *testing.T) {
			p.pull(t, p.registry.Add(b, "bad:latest")).fails(t, 125, "/bad:latest", images.OtherArch())
		})
	}
	p.try(t, "asked for", func(t *testing.T) {
		p.pull(t, p.good, "--platform=linux/s390x").fails(t, 125, "/good:latest", "s390x")
		p.pull(t, p.good, "--platform=///").fails(t, 125, "platform")
		p.pull(t, p.good, "--os=plan9").fails(t, 125, "plan9")
	})
	p.try(t, "index of nothing", func(t *testing.T) {
		empty, err := images.Index()
		must(t, err)
		empty.Manifest = []byte(`{"schemaVersion":2,"mediaType":"` + v1.MediaTypeImageIndex + `","manifests":[]}`)
		p.pull(t, p.registry.Add(empty, "bad:latest")).fails(t, 125, "/bad:latest")
	})
	p.try(t, "index of itself", func(t *testing.T) {
		inner, err := images.Index(built)
		must(t, err)
		inner.Platform = nil
		outer, err := images.Index(inner)
		must(t, err)
		p.pull(t, p.registry.Add(outer, "bad:latest")).fails(t, 125, "/bad:latest")
	})
	// N03: which one is taken must not depend on luck.
	p.try(t, "two for this platform", func(t *testing.T) {
		one, err := image(nil, images.File("one", 0o644, "")).Build()
		must(t, err)
		two, err := image(nil, images.File("two", 0o644, "")).Build()
		must(t, err)
		both, err := images.Index(one, two)
		must(t, err)
		ref := p.registry.Add(both, "bad:latest")
		for range 3 {
			if r := p.pull(t, ref); r.code != 0 {
				r.fails(t, 125, "/bad:latest")
			} else if id := strings.TrimSpace(r.stdout); id != one.ID() {
				t.Errorf("pulled %s, not the first", id)
			}
		}
	})
}

// TestNotAnImage is a directory or a file that is none.
func TestNotAnImage(t *testing.T) {
	t.Parallel()
	p := settle(t)
	p.try(t, "transports", func(t *testing.T) {
		file := filepath.Join(p.dir, "file")
		write(t, file, "no archive")
		empty := t.TempDir()
		for _, ref := range []string{
			"oci:" + empty + ":latest", "dir:" + empty, "oci-archive:" + file, "docker-archive:" + file, "dir:" + file,
			"oci:" + p.dir + "/nothing:latest", "oci-archive:" + p.dir + "/nothing", "docker-archive:" + p.dir + "/nothing",
			"docker-daemon:x:latest", "nonsense:x", "docker://", "docker://UPPER/case", "oci:",
		} {
			p.run(t, "tug-pull", "-q", "--retry=0", ref).fails(t, 125)
			p.run(t, "tug-copy", "-q", "--retry-times=0", ref, "dir:"+p.tmp+"/out").failsIn(t, []int{1, 2, 4, 5})
			p.discard(t, "out")
		}
	})
}

// refusing answers any request with a body of some length.
func refusing(status, size int) hostile.Answer {
	return func(w http.ResponseWriter, _ *http.Request, _ *hostile.Server) {
		w.WriteHeader(status)
		_, _ = w.Write(bytes.Repeat([]byte("x"), size))
	}
}
