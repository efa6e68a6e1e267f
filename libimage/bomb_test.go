// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/tug-containers/tug/internal/errclass"
)

// repeated is size bytes of zeros in members of 64 MiB.
func repeated(t *testing.T, size int, compress func([]byte) []byte) []byte {
	t.Helper()
	const part = 64 << 20
	return bytes.Repeat(compress(make([]byte, part)), size/part)
}

func gzipBytes(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstdBytes(t *testing.T, content []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(content, nil)
}

func TestExpand(t *testing.T) {
	noise := make([]byte, 1<<20)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(noise)
	gz := func(b []byte) []byte { return gzipBytes(t, b) }
	zs := func(b []byte) []byte { return zstdBytes(t, b) }
	// A frame whose header asks for a window of 2 GiB.
	wide := append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3}, make([]byte, 64)...)
	for _, tc := range []struct {
		name   string
		prefix []byte
		bad    bool
	}{
		{"gzip of zeros, 1 GiB", repeated(t, 1<<30, gz), false},
		{"gzip bomb", repeated(t, 2<<30, gz), true},
		{"zstd bomb", repeated(t, 2<<30, zs), true},
		{"zstd window", wide, true},
		{"plain gzip", gz(noise), false},
		{"cut off", gz(noise)[:1<<19], false},
		{"not compressed", noise, false},
		{"nothing", nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := expand("image", tc.prefix[:min(len(tc.prefix), bombPrefix)])
			if got := errors.Is(err, errclass.Verification); got != tc.bad || (err != nil) != tc.bad {
				t.Errorf("refused: %v (%v), want %v", got, err, tc.bad)
			}
		})
	}
}

// A stream ends where it is known to be a bomb; another comes through whole.
func TestAhead(t *testing.T) {
	read := func(content []byte) ([]byte, error) {
		a := &ahead{ReadCloser: io.NopCloser(bytes.NewReader(content)), object: "image", alive: func() {}}
		return io.ReadAll(a)
	}
	noise := make([]byte, bombPrefix+1<<20)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(noise)
	for _, size := range []int{0, 1, bombSample, bombSample + 1, bombPrefix - 1, bombPrefix, bombPrefix + 1, len(noise)} {
		got, err := read(noise[:size])
		if err != nil || !bytes.Equal(got, noise[:size]) {
			t.Errorf("%d bytes: read %d, %v", size, len(got), err)
		}
	}
	if _, err := read(repeated(t, 2<<30, func(b []byte) []byte { return gzipBytes(t, b) })); !errors.Is(err, errclass.Verification) {
		t.Errorf("a bomb: %v", err)
	}
}
