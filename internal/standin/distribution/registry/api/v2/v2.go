// SPDX-License-Identifier: Apache-2.0

// Package v2 has the error codes that docker/distribution keeps under this
// name; see errcode.
package v2

import "github.com/docker/distribution/registry/api/errcode"

// The codes that the image library compares with.
const (
	ErrorCodeBlobUnknown     = errcode.ErrorCodeBlobUnknown
	ErrorCodeManifestInvalid = errcode.ErrorCodeManifestInvalid
	ErrorCodeManifestUnknown = errcode.ErrorCodeManifestUnknown
	ErrorCodeTagInvalid      = errcode.ErrorCodeTagInvalid
)
