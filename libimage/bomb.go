// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"bytes"
	"compress/bzip2"
	"errors"
	"io"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/tug-containers/tug/internal/errclass"
)

const (
	// bombSample is how much of each layer is tried before the rest is read: some
	// ten milliseconds. If that grows by more than bombRatio, bombPrefix is,
	// which at bombRatio is more than bombSize.
	bombSample = 512 << 10
	bombPrefix = 6 << 20
	// bombSize and bombRatio are what a layer's beginning may become.
	bombSize  = 1 << 30
	bombRatio = 200
	// zstdWindow is how much memory a layer may ask its reader for. The zstd
	// program itself refuses more than this without being told.
	zstdWindow = 128 << 20
)

// ahead reads the beginning of a layer before anybody else does, and hands it on
// once it is known what that decompresses to. Who unpacks the layer meets the
// whole of it, in memory that the layer chooses, before it can know that the
// digest is wrong. (At the side of the stream the answer would come too late:
// who reads it has buffers.) A layer that grows only later is not found.
type ahead struct {
	io.ReadCloser
	object string
	alive  func() // called before each read: the other side is not silent
	begun  *bytes.Reader
	err    error // what ended the reading of the beginning, or what it is
}

// Read hands on the beginning, then the rest.
func (a *ahead) Read(p []byte) (int, error) {
	if a.begun == nil {
		a.begin()
	}
	n, err := a.begun.Read(p)
	if err == io.EOF {
		if err = a.err; err == nil {
			n, err = a.ReadCloser.Read(p)
		}
	}
	return n, err
}

func (a *ahead) begin() {
	prefix := a.read(nil, bombSample)
	grows, err := expand(a.object, prefix)
	if grows && err == nil {
		prefix = a.read(prefix, bombPrefix)
		_, err = expand(a.object, prefix)
	}
	if err != nil {
		prefix, a.err = nil, err
	}
	a.begun = bytes.NewReader(prefix)
}

// read reads on until there are size bytes.
func (a *ahead) read(prefix []byte, size int) []byte {
	for len(prefix) < size && a.err == nil {
		prefix = slices.Grow(prefix, min(32<<10, size-len(prefix)))
		a.alive()
		var n int
		n, a.err = a.ReadCloser.Read(prefix[len(prefix):min(cap(prefix), size)])
		prefix = prefix[:len(prefix)+n]
	}
	return prefix
}

// expand decompresses a prefix into nothing, and tells whether it grows by more
// than bombRatio. It is an error to become too large. That the prefix ends
// early, or is no archive at all, is for others to say.
func expand(object string, prefix []byte) (grows bool, err error) {
	in := bytes.NewReader(prefix)
	var out io.Reader
	switch {
	case bytes.HasPrefix(prefix, []byte{0x1f, 0x8b}):
		out, err = gzip.NewReader(in)
	case bytes.HasPrefix(prefix, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		var d *zstd.Decoder
		d, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderMaxMemory(64<<30))
		if err == nil {
			defer d.Close()
			out = d
		}
	case bytes.HasPrefix(prefix, []byte("BZh")):
		out = bzip2.NewReader(in)
	default:
		return false, nil
	}
	if err != nil {
		return false, nil
	}
	most := max(bombSize, bombRatio*int64(len(prefix)))
	n, err := io.CopyN(io.Discard, out, most+1)
	switch {
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return true, fail(errclass.Verification, object, "%s: layer: its reader would need more than %d MiB of memory", object, zstdWindow>>20)
	case n > most:
		return true, fail(errclass.Verification, object, "%s: layer: %w: %d bytes become more than %d", object, ErrTooLarge, len(prefix), most)
	}
	return n > bombRatio*int64(len(prefix)), nil
}
