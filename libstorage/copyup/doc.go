// SPDX-License-Identifier: Apache-2.0

// Package copyup copies a directory of a container's root file system, with all
// that is in it, to a directory that nobody else knows of yet: what an image has
// at the place of a volume becomes the volume's first content.
//
//	err := copyup.Copy(ctx, from, to)
//
// The source was made by an image's author, and may hold anything. It is read by
// descriptor, one name at a time, and no symbolic link is followed; links are
// copied as links. Hard links within the tree stay hard links, holes stay holes,
// and owner, mode, time and extended attributes are kept. FIFOs are made anew.
// Devices and sockets are left out: a device is given to a container by --device,
// and a socket is nothing without who listens on it.
//
// It is no backup program: a source that changes meanwhile gives a mixture, and
// after an error the copy is worth nothing. Whoever calls it copies to a place
// beside, and moves that when all is there.
package copyup
