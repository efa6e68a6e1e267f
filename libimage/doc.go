// SPDX-License-Identifier: Apache-2.0

// Package libimage moves images: it pulls them into a store, copies them
// between registries, directories and archives, reads what a registry says of
// them, and logs in to registries.
//
//	store, err := libstorage.Open(ctx, libstorage.Options{})
//	...
//	got, err := libimage.Pull(ctx, store, "docker.io/library/busybox", libimage.PullOptions{})
//	fmt.Println(got.ID)
//
// Names, transports, formats, signatures and their configuration files
// (registries.conf, policy.json, auth.json, certs.d) are those of
// containers/image, which does the work; see containers-transports(5). What
// this package adds is a border around everything that comes from outside:
//
//   - a blob is cut at its declared size, and both its size and its digest are
//     verified while it streams;
//   - a manifest is looked at before anything uses it (see ErrManifest);
//   - a registry that falls silent, or answers without end, is left;
//   - passwords go to the registry and to the token server of the same
//     domain, and to nobody else;
//   - a layer is unpacked in a confined process, and may become so much and no more;
//   - what is on its way to the store lies inside the store, and is removed
//     there, also after a crash, by the next one who comes.
//
// Every error names its object and carries a class of internal/errclass that
// errors.Is finds by the sentinels in errors.go. Nothing here prints: progress
// and warnings are callbacks.
//
// A program that lets this package write to a store calls unpack.Init as the
// first line of its main: layers are unpacked by a second process of the same
// file (package unpack says why). Nothing else is asked of an importer.
//
// Do not use it to look at images that are in a store already: that is
// libstorage, and needs no network code.
package libimage
