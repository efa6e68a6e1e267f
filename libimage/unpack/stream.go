// SPDX-License-Identifier: Apache-2.0

package unpack

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
)

const (
	// maxWindow is how much memory a layer in zstd may ask its reader for.
	maxWindow = 128 << 20
	// A layer is decompressed in blocks, some of them ahead of who reads.
	blockSize   = 1 << 20
	blocksAhead = 2
)

// ErrCompression: a layer in a compression that is not unpacked here. The
// storage library knows more of them.
var ErrCompression = errors.New("compression that is not unpacked here")

// ErrTooLarge: a layer that becomes more than it may.
var ErrTooLarge = errors.New("too large when unpacked")

// decompressed gives what a layer is packed in. An empty one is an empty tar.
func decompressed(in io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(in, 256<<10)
	head, err := buffered.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b, 0x08}):
		return gzip.NewReader(buffered)
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return zstd.NewReader(buffered, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	case bytes.HasPrefix(head, []byte("BZh")), bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		return nil, ErrCompression
	}
	return buffered, nil
}

// stream is a layer as it was before it was packed. It is decompressed beside
// who reads it, and digested on the way.
type stream struct {
	blocks chan []byte
	spent  chan []byte
	quit   chan struct{} // nobody reads any more
	err    error         // of who fills; set before blocks is closed
	block  []byte
	rest   []byte
	size   int64
	most   int64 // what it may become
	digest digest.Digester
}

func newStream(in io.Reader, most int64) *stream {
	s := &stream{most: most, blocks: make(chan []byte, blocksAhead), spent: make(chan []byte, blocksAhead+2), quit: make(chan struct{}), digest: digest.Canonical.Digester()}
	go s.fill(in)
	return s
}

// close says that nobody reads any more.
func (s *stream) close() { close(s.quit) }

// fill decompresses until the end, or until something is wrong.
func (s *stream) fill(in io.Reader) {
	defer close(s.blocks)
	out, err := decompressed(in)
	for err == nil {
		var block []byte
		select {
		case block = <-s.spent:
		default:
			block = make([]byte, blockSize)
		}
		n := 0
		for n < blockSize && err == nil {
			var some int
			some, err = out.Read(block[n:blockSize])
			n += some
		}
		if n > 0 {
			select {
			case s.blocks <- block[:n]:
			case <-s.quit:
				return
			}
		}
	}
	s.err = err
}

func (s *stream) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		if s.block != nil {
			s.spent <- s.block[:blockSize]
			s.block = nil
		}
		block, ok := <-s.blocks
		if !ok {
			return 0, s.err
		}
		_, _ = s.digest.Hash().Write(block)
		if s.size += int64(len(block)); s.most > 0 && s.size > s.most {
			return 0, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, s.most)
		}
		s.block, s.rest = block, block
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}
