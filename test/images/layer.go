// SPDX-License-Identifier: Apache-2.0

package images

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Compression of a layer; the zero value is gzip.
type Compression string

// The compressions that a layer can have.
const (
	Gzip Compression = ""
	None Compression = "none"
	Zstd Compression = "zstd"
)

// Layer is one layer of an image.
type Layer struct {
	Entries     []Entry
	Compression Compression
	// RawTar, when set, is the uncompressed stream.
	RawTar []byte
	// RawBlob, when set, is the blob as it is served; the diff ID is still
	// that of the entries.
	RawBlob []byte
	// File, when set, is a finished gzip blob on disk, with its diff ID.
	File   string
	DiffID digest.Digest
	// MediaType replaces the one that follows from the rest.
	MediaType string
	Comment   string
}

// Entry is one member of a layer's tar stream.
type Entry struct {
	// Header is written as it is, but for a zero ModTime, and for a zero Size
	// when there is a Body.
	Header tar.Header
	Body   []byte
	// Raw, when set, goes into the stream in place of all of this: bytes that
	// the tar package refuses to write.
	Raw []byte
}

type builtLayer struct {
	descriptor v1.Descriptor
	diffID     digest.Digest
	blob       Blob
}

func (l *Layer) build(docker bool) (builtLayer, error) {
	out := builtLayer{diffID: l.DiffID}
	out.blob = Blob{Path: l.File}
	if l.File == "" {
		var compressed bytes.Buffer
		diffID, err := l.stream(&compressed)
		if err != nil {
			return out, err
		}
		out.diffID, out.blob.Data = diffID, compressed.Bytes()
		if l.RawBlob != nil {
			out.blob.Data = l.RawBlob
		}
	}
	sum, size, err := out.blob.digest()
	out.descriptor = v1.Descriptor{MediaType: l.mediaType(docker), Digest: sum, Size: size}
	return out, err
}

// stream writes the compressed layer and gives the digest of the plain one.
func (l *Layer) stream(w io.Writer) (digest.Digest, error) {
	compress, err := l.compressor(w)
	if err != nil {
		return "", err
	}
	plain := digest.Canonical.Digester()
	both := io.MultiWriter(compress, plain.Hash())
	if l.RawTar != nil {
		_, err = both.Write(l.RawTar)
	} else {
		err = WriteTar(both, l.Entries)
	}
	if err != nil {
		return "", err
	}
	return plain.Digest(), compress.Close()
}

func (l *Layer) compressor(w io.Writer) (io.WriteCloser, error) {
	switch l.Compression {
	case None:
		return plainWriter{w}, nil
	case Zstd:
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	default:
		return gzip.NewWriterLevel(w, gzip.BestSpeed)
	}
}

type plainWriter struct{ io.Writer }

func (plainWriter) Close() error { return nil }

func (l *Layer) mediaType(docker bool) string {
	switch {
	case l.MediaType != "":
		return l.MediaType
	case l.Compression == None:
		return v1.MediaTypeImageLayer
	case l.Compression == Zstd:
		return v1.MediaTypeImageLayerZstd
	case docker:
		return DockerLayer
	default:
		return v1.MediaTypeImageLayerGzip
	}
}

// WriteTar writes entries as a tar stream. A header that promises more than
// its Body has is padded with zeros, so that a file can be large at no cost.
func WriteTar(w io.Writer, entries []Entry) error {
	out := tar.NewWriter(w)
	for _, e := range entries {
		if e.Raw != nil {
			if err := out.Flush(); err != nil {
				return err
			}
			if _, err := w.Write(e.Raw); err != nil {
				return err
			}
			continue
		}
		if err := writeEntry(out, e); err != nil {
			return fmt.Errorf("entry %q: %w", e.Header.Name, err)
		}
	}
	return out.Close()
}

func writeEntry(out *tar.Writer, e Entry) error {
	h := e.Header
	if h.ModTime.IsZero() {
		h.ModTime = Epoch
	}
	if h.Size == 0 {
		h.Size = int64(len(e.Body))
	}
	if err := out.WriteHeader(&h); err != nil {
		return err
	}
	if _, err := out.Write(e.Body); err != nil {
		return err
	}
	_, err := io.CopyN(out, zeros{}, h.Size-int64(len(e.Body)))
	return err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
