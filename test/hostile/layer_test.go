// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/registry/hostile"
)

// tarOf makes a tar stream.
func tarOf(t *testing.T, entries ...images.Entry) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, images.WriteTar(&b, entries))
	return b.Bytes()
}

func gzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(content)
	must(t, err)
	must(t, w.Close())
	return b.Bytes()
}

// bad is an image whose last layer is these bytes. Its diff ID is that of
// plain.
func badLayer(plain, blob []byte, mediaType string) *images.Image {
	i := image(nil)
	i.Layers = append(i.Layers, images.Layer{RawTar: plain, RawBlob: blob, MediaType: mediaType})
	return i
}

// TestN03 is content that is not what its name says.
func TestN03Layers(t *testing.T) {
	t.Parallel()
	p := settle(t)
	plain := tarOf(t, images.File("more", 0o644, strings.Repeat("more", 1000)))
	other := tarOf(t, images.File("more", 0o644, strings.Repeat("less", 1000)))
	blob := gzipped(t, plain)
	const gz = v1.MediaTypeImageLayerGzip
	diffIDs := func(change func([]any)) *images.Image {
		i := image(nil, images.File("more", 0o644, "more"))
		i.Layers = append(i.Layers, images.Layer{Entries: []images.Entry{images.File("most", 0o644, "most")}})
		i.EditConfig = func(config map[string]any) {
			// As the config says it, each digest is right for some layer.
			change(config["rootfs"].(map[string]any)["diff_ids"].([]any))
		}
		return i
	}
	for name, i := range map[string]*images.Image{
		"diff ID of another":         badLayer(other, blob, gz),
		"diff IDs swapped":           diffIDs(func(ids []any) { ids[1], ids[2] = ids[2], ids[1] }),
		"diff ID invalid":            diffIDs(func(ids []any) { ids[1] = "sha256:../../x" }),
		"diff ID empty":              diffIDs(func(ids []any) { ids[1] = "" }),
		"diff ID md5":                diffIDs(func(ids []any) { ids[1] = "md5:" + strings.Repeat("ab", 16) }),
		"no tar":                     badLayer(plain, gzipped(t, []byte("%PDF-1.4 not a layer")), gz),
		"no gzip":                    badLayer(plain, []byte("%PDF-1.4 not a layer"), gz),
		"gzip broken off":            badLayer(plain, blob[:len(blob)-20], gz),
		"gzip with a wrong checksum": badLayer(plain, flipped(blob, len(blob)-6), gz),
		"tar broken off":             badLayer(plain, gzipped(t, plain[:700]), gz),
		"more after the tar":         badLayer(plain, gzipped(t, append(bytes.Clone(plain), "more"...)), gz),
		"a second gzip member":       badLayer(plain, append(bytes.Clone(blob), gzipped(t, []byte("more"))...), gz),
		"garbage after the gzip":     badLayer(plain, append(bytes.Clone(blob), "garbage"...), gz),
		"zstd with a wrong size":     badLayer(plain, wrongZstd(t, plain), v1.MediaTypeImageLayerZstd),
		"zstd broken off":            badLayer(plain, zstandard(t, plain)[:50], v1.MediaTypeImageLayerZstd),
		"zstd window of 2 GiB":       badLayer(plain, wideZstd(), v1.MediaTypeImageLayerZstd),
		"a file larger than the tar": badLayer(plain, gzipped(t, sized(t, 1<<40)), gz),
		"a negative size":            badLayer(plain, gzipped(t, sized(t, -1)), gz),
	} {
		p.try(t, name, func(t *testing.T) {
			p.pull(t, p.add(t, "bad:latest", i)).fails(t, 125, "/bad:latest")
		})
	}
	// Where the bytes after the end are a part of what the digest is about,
	// they are only not unpacked.
	p.try(t, "more after the tar, accounted for", func(t *testing.T) {
		long := append(bytes.Clone(plain), bytes.Repeat([]byte("x"), 10000)...)
		name := p.add(t, "bad:latest", badLayer(long, gzipped(t, long), gz))
		if r := p.pull(t, name); r.code != 0 {
			r.fails(t, 125, "/bad:latest")
		} else if got := p.start(t, runtimes[0], name, "cat", "/more"); got.stdout != strings.Repeat("more", 1000) {
			t.Errorf("%s: %q %s", got, short(got.stdout), got.stderr)
		}
	})
	p.try(t, "gzip twice on the way", func(t *testing.T) {
		built, err := badLayer(plain, blob, gz).Build()
		must(t, err)
		name := p.registry.Add(built, "bad:latest")
		p.registry.On("", "/blobs/"+newestLayer(t, built), func(w http.ResponseWriter, r *http.Request, s *hostile.Server) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(gzipped(t, blob))
		})
		// What the protocol itself packs is unpacked by it, and then right.
		p.pull(t, name).works(t)
		p.forget(t)
		p.registry.Clear()
		p.registry.On("", "/blobs/"+newestLayer(t, built), func(w http.ResponseWriter, r *http.Request, s *hostile.Server) {
			w.Header().Set("Content-Encoding", "gzip")
			small := gzipped(t, make([]byte, 64<<20))
			for range 160 {
				_, _ = w.Write(small)
			}
		})
		p.pull(t, name).soon(t).fails(t, 125, "/bad:latest")
	})
	p.try(t, "nothing to be seen before all is checked", func(t *testing.T) {
		built, err := diffIDs(func(ids []any) { ids[1], ids[2] = ids[2], ids[1] }).Build()
		must(t, err)
		name := p.registry.Add(built, "bad:latest")
		p.pull(t, name).fails(t, 125, name)
		p.start(t, runtimes[0], "--pull=never", name, "true").fails(t, 125, name)
		p.run(t, "tug-inspect", built.ID())
		if out := p.run(t, "tug-images", "-a", "-q", "--no-trunc").works(t); strings.Contains(out, built.ID()) {
			t.Errorf("listed: %s", out)
		}
	})
	p.try(t, "the good image's name", func(t *testing.T) {
		// U7: a pull that fails does not take the name away.
		built, err := badLayer(other, blob, gz).Build()
		must(t, err)
		good, err := image(nil).Build()
		must(t, err)
		defer p.registry.Add(good, "good:latest")
		p.pull(t, p.registry.Add(built, "good:latest")).fails(t, 125, "/good:latest")
		if out := p.run(t, "tug-inspect", "-f", "{{.Id}}", p.good).works(t); strings.TrimSpace(out) != p.goodID {
			t.Errorf("U7: %s is %s, not %s", p.good, out, p.goodID)
		}
	})
}

func flipped(content []byte, at int) []byte {
	content = bytes.Clone(content)
	content[at] ^= 0x55
	return content
}

func zstandard(t *testing.T, content []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithSingleSegment(true))
	must(t, err)
	return w.EncodeAll(content, nil)
}

// wrongZstd declares one byte less than there is.
func wrongZstd(t *testing.T, content []byte) []byte {
	t.Helper()
	blob := zstandard(t, content)
	size := make([]byte, 2)
	binary.LittleEndian.PutUint16(size, uint16(len(content)-256))
	at := bytes.Index(blob[:16], size)
	if at < 0 {
		t.Fatalf("no content size in % x", blob[:16])
	}
	binary.LittleEndian.PutUint16(blob[at:], uint16(len(content)-256-1))
	return blob
}

// wideZstd is a frame that wants a window of 2 GiB.
func wideZstd() []byte {
	blob := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3}
	for range 40000 { // blocks of one byte, 128 KiB times
		size := uint32(128<<10)<<3 | 1<<1
		blob = append(blob, byte(size), byte(size>>8), byte(size>>16), 'x')
	}
	return blob
}

// sized is a tar stream whose file's size is not true.
func sized(t *testing.T, size int64) []byte {
	t.Helper()
	stream := tarOf(t, images.File("more", 0o644, "more"))
	field := stream[124:136]
	if size < 0 {
		copy(field, bytes.Repeat([]byte{0xff}, 12))
	} else {
		field[0] = 0x80
		clear(field[1:4])
		binary.BigEndian.PutUint64(field[4:], uint64(size))
	}
	copy(stream[148:156], "        ")
	sum := 0
	for _, b := range stream[:512] {
		sum += int(b)
	}
	copy(stream[148:156], []byte{'0' + byte(sum>>15&7), '0' + byte(sum>>12&7), '0' + byte(sum>>9&7), '0' + byte(sum>>6&7), '0' + byte(sum>>3&7), '0' + byte(sum&7), 0, ' '})
	if _, err := tar.NewReader(bytes.NewReader(stream)).Next(); size >= 0 && err != nil {
		t.Fatalf("the header itself is wrong: %v", err)
	}
	return stream
}

// TestN01 is a small blob that becomes a large layer.
func TestN01Bombs(t *testing.T) {
	t.Parallel()
	p := settle(t)
	const size = 10 << 30
	plain := sized(t, size)[:512]
	// A member of gzip, a frame of zstd for 64 MiB, again and again.
	zeros := make([]byte, 64<<20)
	small, frame := gzipped(t, zeros), zstandard(t, zeros)
	gz, zs := gzipped(t, plain), zstandard(t, plain)
	for range size / len(zeros) {
		gz, zs = append(gz, small...), append(zs, frame...)
	}
	end := make([]byte, 1024)
	gz, zs = append(gz, gzipped(t, end)...), append(zs, zstandard(t, end)...)
	for name, i := range map[string]*images.Image{
		"gzip": badLayer(nil, gz, v1.MediaTypeImageLayerGzip),
		"zstd": badLayer(nil, zs, v1.MediaTypeImageLayerZstd),
	} {
		i.EditConfig = func(config map[string]any) {
			ids := config["rootfs"].(map[string]any)["diff_ids"].([]any)
			ids[len(ids)-1] = digest.FromString("nobody has unpacked it").String()
		}
		p.try(t, name, func(t *testing.T) {
			p.call(t, call{args: p.pulling(p.add(t, "bad:latest", i)), disk: 2 << 30}).fails(t, 125, "/bad:latest")
		})
	}
}

// TestH13 is a document at its limit, which passes, and over it.
func TestH13Limits(t *testing.T) {
	t.Parallel()
	p := settle(t)
	const limit = 4 << 20
	p.try(t, "manifest", func(t *testing.T) {
		padded := func(size int) *images.Built {
			return forged(t, func(m string, _ v1.Manifest) string {
				return m[:len(m)-1] + strings.Repeat(" ", size-len(m)) + "}"
			})
		}
		p.pull(t, p.registry.Add(padded(limit), "bad:latest")).works(t)
		p.forget(t)
		p.pull(t, p.registry.Add(padded(limit+1), "bad:latest")).fails(t, 125, "/bad:latest")
		p.pull(t, p.registry.Add(padded(100<<20), "bad:latest")).fails(t, 125, "/bad:latest")
		p.run(t, "tug-inspect", "--tls-verify=false", "docker://"+p.registry.Host+"/bad:latest").failsIn(t, []int{1, 5}, "/bad:latest")
	})
	p.try(t, "config", func(t *testing.T) {
		padded := func(size int) *images.Image {
			plain, err := image(nil).Build()
			must(t, err)
			i := image(nil)
			i.RawConfig = append(append(bytes.Clone(plain.Config[:len(plain.Config)-1]), bytes.Repeat([]byte(" "), size-len(plain.Config))...), '}')
			return i
		}
		p.pull(t, p.add(t, "bad:latest", padded(limit))).works(t)
		p.forget(t)
		p.pull(t, p.add(t, "bad:latest", padded(limit+1))).fails(t, 125, "/bad:latest")
	})
	p.try(t, "error body", func(t *testing.T) {
		for _, size := range []int{1 << 10, 1 << 20, 1<<20 + 1, 64 << 20} {
			for _, status := range []int{400, 404, 500} {
				p.registry.Clear()
				p.registry.On("", "/manifests/", refusing(status, size))
				p.pull(t, p.good).fails(t, 125, "/good:latest")
			}
		}
	})
	p.try(t, "token", func(t *testing.T) {
		for _, size := range []int{1 << 10, 1<<20 + 1, 64 << 20} {
			p.registry.Clear()
			p.registry.On("", "/token", hostile.Body([]byte(`{"token":"`+strings.Repeat("x", size)+`"}`), "application/json"))
			p.registry.On("", "/v2/", func(w http.ResponseWriter, r *http.Request, s *hostile.Server) {
				w.Header().Set("WWW-Authenticate", `Bearer realm="`+s.URL+`/token",service="test"`)
				w.WriteHeader(http.StatusUnauthorized)
			})
			p.pull(t, p.good).fails(t, 125, "/good:latest")
		}
	})
	p.try(t, "tags", func(t *testing.T) {
		p.registry.On("", "/tags/list", func(w http.ResponseWriter, r *http.Request, _ *hostile.Server) {
			// The next page is this one.
			w.Header().Set("Link", `<`+r.URL.Path+`?n=1>; rel="next"`)
			_ = json.NewEncoder(w).Encode(map[string]any{"name": "good", "tags": []string{"latest"}})
		})
		p.call(t, call{args: append(p.pulling(p.registry.Host+"/good"), "-a")}).fails(t, 125, "/good")
	})
	p.try(t, "archive", func(t *testing.T) {
		file := p.tmp + "/archive"
		for _, entry := range []images.Entry{
			images.Zeros("manifest.json", 0o644, 64<<20), images.Zeros("index.json", 0o644, 64<<20),
		} {
			write(t, file, string(tarOf(t, entry, images.File("oci-layout", 0o644, `{"imageLayoutVersion":"1.0.0"}`))))
			for _, transport := range []string{"docker-archive:", "oci-archive:"} {
				p.call(t, call{args: []string{"tug-pull", "-q", "--retry=0", transport + file}, disk: 200 << 20}).fails(t, 125)
			}
		}
		p.discard(t, "archive")
	})
}
