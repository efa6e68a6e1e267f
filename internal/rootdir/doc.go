// SPDX-License-Identifier: Apache-2.0

// Package rootdir is the only way into a container's root file system.
//
// The tree comes from an image, and nothing in it can be believed: /etc may be
// a symbolic link to a directory of the host, /etc/passwd a FIFO that blocks
// its reader or a sparse file of 5 GiB, and a shared volume may change between
// two system calls. So every access goes by file descriptor from an open
// directory, resolved by the kernel as if that directory were the root
// (openat2 with RESOLVE_IN_ROOT through pathrs-lite), a file is opened only
// once it is known to be a regular one, and a read is bounded:
//
//	root, err := rootdir.Open(merged)
//	if err != nil {
//		return err
//	}
//	defer root.Close()
//	passwd, err := root.ReadFile("/etc/passwd", 4<<20)
//
// Names are paths inside the root; a leading slash makes no difference. A
// symbolic link in the middle or at the end of a name is followed inside the
// root, except where a method says that it is not.
//
// A Dir is safe for several goroutines. It holds a descriptor until Close, and
// stays valid when the directory is renamed or mounted over.
package rootdir
