// SPDX-License-Identifier: Apache-2.0

// Package images makes the images of the tests: good ones from what the host
// has (busybox), and wrong ones, byte by byte.
//
//	img := images.Busybox()
//	built, err := img.Build()
//	err = built.WriteLayout(dir, "latest")      // an OCI layout
//	err = built.Push(client, url, "busybox", "latest")
//
// A hostile image is the same with more of it said: an Entry is a tar header
// as it is to be written, Raw fields go into the stream unseen, RawConfig and
// RawManifest replace what would have been made.
//
// The same input gives the same bytes. The program in mkimage does it from the
// command line.
package images
