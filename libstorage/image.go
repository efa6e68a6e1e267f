// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"time"

	"github.com/opencontainers/go-digest"
)

// Image is what the store records of an image. It is a copy: a later change
// of the store does not show in it.
type Image struct {
	// ID is 64 hexadecimal digits, the digest of the config.
	ID string
	// Names are full names with a tag or a digest; none for a dangling image.
	Names []string
	// History has the names that the image once had, the newest first.
	History []string
	// Digest is that of the manifest it was stored with, Digests of all.
	Digest  digest.Digest
	Digests []digest.Digest
	// Created is the time in the image's config.
	Created time.Time
	// TopLayer is the ID of its last layer; empty for an image without any.
	TopLayer string
	// Size is that of the unpacked layers and of what is stored beside them;
	// -1 when it is not known. Only Images fills it in.
	Size int64
	// ReadOnly: the image is in an additional image store.
	ReadOnly bool
	// Err, in a list, says why the image is damaged.
	Err error
}
