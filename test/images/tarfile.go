// SPDX-License-Identifier: Apache-2.0

package images

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
)

// TarLayer makes a layer of a tar file, for content too large for memory. The
// compressed blob stands beside it, and is the caller's to remove.
func TarLayer(file string) (Layer, error) {
	var layer Layer
	in, err := os.Open(file)
	if err != nil {
		return layer, err
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+"-*.gz")
	if err != nil {
		return layer, err
	}
	defer out.Close()
	layer.File = out.Name()
	compress, err := gzip.NewWriterLevel(out, gzip.DefaultCompression)
	if err != nil {
		return layer, err
	}
	plain := digest.Canonical.Digester()
	if _, err := io.Copy(io.MultiWriter(compress, plain.Hash()), in); err != nil {
		return layer, err
	}
	if err := compress.Close(); err != nil {
		return layer, err
	}
	layer.DiffID = plain.Digest()
	return layer, out.Close()
}
