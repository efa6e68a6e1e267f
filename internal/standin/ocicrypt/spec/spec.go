// SPDX-License-Identifier: Apache-2.0

// Package spec has the media types of encrypted layers.
package spec

// The media types, by which such a layer is recognized.
const (
	MediaTypeLayerEnc                 = "application/vnd.oci.image.layer.v1.tar+encrypted"
	MediaTypeLayerGzipEnc             = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"
	MediaTypeLayerZstdEnc             = "application/vnd.oci.image.layer.v1.tar+zstd+encrypted"
	MediaTypeLayerNonDistributableEnc = "application/vnd.oci.image.layer.nondistributable.v1.tar+encrypted"

	MediaTypeLayerNonDistributableGzipEnc = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip+encrypted"
	MediaTypeLayerNonDistributableZstdEnc = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd+encrypted"
)
