// SPDX-License-Identifier: Apache-2.0

// Package ocicrypt stands in for containers/ocicrypt, the encryption of image
// layers, which Tug does not offer: with it come gRPC, Protocol Buffers, JOSE,
// YAML and PKCS #11, a fifth of the program and of its start time. An encrypted
// layer is an error here, never a silent copy. docs/start-cost.md has the
// numbers.
package ocicrypt

import (
	"errors"
	"io"

	"github.com/containers/ocicrypt/config"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// ErrUnsupported is the answer to everything.
var ErrUnsupported = errors.New("encrypted layers are not supported")

// EncryptLayerFinalizer gives the annotations of an encrypted layer.
type EncryptLayerFinalizer func() (map[string]string, error)

// DecryptLayer refuses.
func DecryptLayer(*config.DecryptConfig, io.Reader, v1.Descriptor, bool) (io.Reader, digest.Digest, error) {
	return nil, "", ErrUnsupported
}

// EncryptLayer refuses.
func EncryptLayer(*config.EncryptConfig, io.Reader, v1.Descriptor) (io.Reader, EncryptLayerFinalizer, error) {
	return nil, nil, ErrUnsupported
}
