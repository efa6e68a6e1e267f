// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	"github.com/tug-containers/tug/internal/errclass"
)

// blob is a stream that verifies itself. A wrong length or digest is the
// error of the last Read, in place of io.EOF.
type blob struct {
	object   string
	want     digest.Digest
	size     int64 // -1: not declared
	in       io.ReadCloser
	watch    *watch
	digester digest.Digester
	read     int64
	err      error
	fault    func(error) // told of a wrong length or digest
}

// maxRest is how much is read after who reads has given up, to say whether the
// blob was wrong.
const maxRest = 64 << 20

func (b *blob) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if room := b.size - b.read + 1; b.size >= 0 && int64(len(p)) > room {
		p = p[:room] // one more than declared tells a stream that is too long
	}
	b.watch.start()
	n, err := b.in.Read(p)
	b.watch.pause()
	b.read += int64(n)
	_, _ = b.digester.Hash().Write(p[:n])
	switch {
	case b.size >= 0 && b.read > b.size:
		n, err = 0, fail(errclass.Verification, b.object, "%s: blob %s: wrong length: %w: more than %d bytes", b.object, b.want, ErrTooLarge, b.size)
	case errors.Is(err, io.EOF):
		err = b.verify()
	case errors.Is(err, errclass.Verification): // said already what is wrong
	case err != nil:
		err = describe(b.object, fmt.Errorf("%s: blob %s, after %d bytes: %w", b.object, b.want, b.read, b.watch.cause(err)))
	}
	b.err = err
	return n, err
}

func (b *blob) verify() error {
	if b.size >= 0 && b.read != b.size {
		return fail(errclass.Verification, b.object, "%s: blob %s: wrong length: %d bytes instead of %d", b.object, b.want, b.read, b.size)
	}
	if got := b.digester.Digest(); got != b.want {
		return fail(errclass.Verification, b.object, "%s: blob %s: wrong digest: it is %s", b.object, b.want, got)
	}
	return io.EOF
}

// Close ends the stream. A reader that stopped early may have met damage that
// the digest explains: then that is the fault.
func (b *blob) Close() error {
	if b.err == nil && b.watch.inner.Err() == nil && b.size-b.read < maxRest {
		_, _ = io.Copy(io.Discard, onlyReader{b}) // the error stays in b.err
	}
	if errors.Is(b.err, errclass.Verification) {
		b.fault(b.err)
	}
	b.watch.stop()
	return b.in.Close()
}

type onlyReader struct{ io.Reader }
