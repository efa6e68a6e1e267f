// SPDX-License-Identifier: Apache-2.0

package treetar

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Decompress gives what an archive is when it is gzip, bzip2, zstd or xz, and
// anything else as it is. It starts no program for that.
func Decompress(r io.Reader) (io.ReadCloser, error) {
	in := bufio.NewReaderSize(r, 1<<18)
	magic, err := in.Peek(6)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read the archive: %w", err)
	}
	var out io.Reader = in
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		out, err = gzip.NewReader(in)
	case bytes.HasPrefix(magic, []byte("BZh")):
		out, err = bzip2.NewReader(in), nil
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		var z *zstd.Decoder
		if z, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30)); err == nil {
			return z.IOReadCloser(), nil
		}
	case bytes.HasPrefix(magic, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		out, err = xz.NewReader(in)
	default:
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the archive: %w", err)
	}
	return io.NopCloser(out), nil
}
