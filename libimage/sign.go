// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"errors"
	"fmt"

	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/signature/sigstore"

	"github.com/tug-containers/tug/internal/errclass"
)

// SignKey is a sigstore private key to sign with.
type SignKey struct {
	// File has the key, as cosign and skopeo write it.
	File string
	// Passphrase is the key's; it may be empty.
	Passphrase []byte
}

// signers makes what signs the copy; close ends it.
func (c *copier) signers() (end func() error, err error) {
	end = func() error {
		var err error
		for _, s := range c.options.Signers {
			err = errors.Join(err, s.Close())
		}
		return err
	}
	if fingerprint := c.opts.SignBy; fingerprint != "" {
		if err := signable(); err != nil {
			return end, errclass.New(errclass.Unsupported, fingerprint, fmt.Errorf(
				"sign with the GPG key %s: not supported by this program, which is built without GPGME: use a sigstore key", fingerprint))
		}
		c.options.SignBy, c.options.SignPassphrase = fingerprint, string(c.opts.SignPassphrase)
	}
	for _, key := range c.opts.SignKeys {
		passphrase := key.Passphrase
		if passphrase == nil {
			passphrase = []byte{}
		}
		s, err := sigstore.NewSigner(sigstore.WithPrivateKeyFile(key.File, passphrase))
		if err != nil {
			return end, errclass.New(errclass.Usage, key.File, fmt.Errorf("sign with %s: %w", key.File, err))
		}
		c.options.Signers = append(c.options.Signers, s)
	}
	return end, nil
}

// signable tells why there can be no signatures with GPG keys.
func signable() error {
	mechanism, err := signature.NewGPGSigningMechanism()
	if err != nil {
		return err
	}
	return errors.Join(mechanism.SupportsSigning(), mechanism.Close())
}
