// SPDX-License-Identifier: Apache-2.0

// Package unpack unpacks layers, and confines the process that does it.
//
// Layer unpacks one as a stream, in a second process of the same program, and with
// the result that the storage library has. That library unpacks in a process of its own,
// which it starts under the name storage-untar or storage-applyLayer. A program that lets libimage write to a store therefore begins its main with
//
//	if unpack.Init() {
//		return
//	}
//
// In the program itself Init does nothing. In that second process it gives up,
// before the first byte of a layer is read, what unpacking does not need:
//
//   - the environment, but for the options of the library;
//   - every directory but the layer's, by chroot;
//   - all capabilities but those for owners, modes, device nodes and extended
//     attributes, and the way to get others back (no_new_privs);
//   - sockets, other programs, other processes' memory, mounts, namespaces,
//     keys, BPF, io_uring and modules, by seccomp;
//   - where the kernel has Landlock, files outside of the layer a second time,
//     the network, and signals to other processes;
//   - memory, open files and processor time without bounds, by resource
//     limits.
//
// What the process says of the layer is believed, its digest (diffID) too: one that a
// layer has taken over can say that it unpacked another. The digest of what it was
// sent is known without it.
//
// A confinement that the kernel refuses ends the process, and so the pull;
// Landlock alone may be missing.
package unpack
