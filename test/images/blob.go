// SPDX-License-Identifier: Apache-2.0

package images

import (
	"bytes"
	"io"
	"os"

	"github.com/opencontainers/go-digest"
)

// Blob is a blob in memory or, with a Path, on disk.
type Blob struct {
	Data []byte
	Path string
}

// Open gives the content and its length.
func (b Blob) Open() (io.ReadCloser, int64, error) {
	if b.Path == "" {
		return io.NopCloser(bytes.NewReader(b.Data)), int64(len(b.Data)), nil
	}
	f, err := os.Open(b.Path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

func (b Blob) digest() (digest.Digest, int64, error) {
	r, size, err := b.Open()
	if err != nil {
		return "", 0, err
	}
	defer r.Close()
	sum, err := digest.FromReader(r)
	return sum, size, err
}
