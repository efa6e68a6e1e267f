// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"slices"
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

// RepoDigests are the image's repositories with the digests of its manifests,
// by which a registry has it too.
func (img Image) RepoDigests() []string {
	var list []string
	for _, name := range img.Names {
		repository, _, _ := SplitName(name)
		for _, d := range img.Digests {
			if full := repository + "@" + d.String(); repository != "" && !slices.Contains(list, full) {
				list = append(list, full)
			}
		}
	}
	return list
}

// SplitName takes a full name apart: repository, tag and digest, of which the
// last two may be empty. A name that is none gives nothing.
func SplitName(name string) (repository, tag, dgst string) {
	ref, err := parseReference(name)
	if err != nil {
		return "", "", ""
	}
	return ref.repository(), ref.tag, ref.digest
}
