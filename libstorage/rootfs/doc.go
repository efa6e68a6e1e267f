// SPDX-License-Identifier: Apache-2.0

// Package rootfs makes the root file system of a container visible at a path,
// and takes it away again.
//
//	fs := rootfs.NewOverlay(rootfs.OverlayOptions{
//		Lower: layers, Upper: dir + "/upper", Work: dir + "/work", Target: run + "/merged",
//	})
//	path, err := fs.Mount(ctx)
//	...
//	err = fs.Remove()
//
// There are three implementations of FS:
//
//   - Overlay, the usual one: an overlay of our own over the layers of an
//     image, with the directories that the caller names;
//   - Library, a container of containers/storage, for the drivers that have no
//     directories to lay over each other (vfs, btrfs, zfs) and for a mount
//     program (fuse-overlayfs);
//   - Directory, a tree that somebody else keeps.
//
// # On disk
//
// An Overlay has an upper directory, which holds what the container changed
// and is worth keeping, and a work directory beside it, which is the kernel's.
// They must be on the same file system, and not on an overlay. The target is
// an empty directory; it may be on another file system, and may be missing:
// Mount makes it.
//
// # Life cycle
//
// The caller owns the directories and sees to it that no second process
// mounts the same upper directory: this package takes no lock. Mount may be
// called again after Unmount, also by another process. What a killed process
// leaves is a mount and the directories; Unmount and Remove of a new FS with
// the same options take them away.
//
// Nothing here reads the content of an image. Do not use the package to look
// into a root file system: names in it are an image's, and must be resolved
// beneath it by file descriptor.
package rootfs
