// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// kindOf names the file system that a path is on, or would be.
func kindOf(path string) string {
	var fs unix.Statfs_t
	if err := unix.Statfs(existing(path), &fs); err != nil {
		return err.Error()
	}
	return kindName(fs.Type)
}

// The file systems that x/sys has no name for.
const (
	zfsMagic  = 0x2fc12fc1
	fuseMagic = 0x65735546
	cephMagic = 0x00c36400
)

func kindName(kind int64) string {
	switch uint32(kind) {
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlay"
	case unix.F2FS_SUPER_MAGIC:
		return "f2fs"
	case unix.ECRYPTFS_SUPER_MAGIC:
		return "ecryptfs"
	case unix.SQUASHFS_MAGIC:
		return "squashfs"
	case zfsMagic:
		return "zfs"
	case unix.NFS_SUPER_MAGIC:
		return "NFS"
	case unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.SMB_SUPER_MAGIC:
		return "SMB"
	case unix.V9FS_MAGIC:
		return "9p"
	case unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC:
		return "AFS"
	case cephMagic:
		return "ceph"
	case fuseMagic:
		return "FUSE"
	}
	return fmt.Sprintf("a file system of kind %#x", uint32(kind))
}

// remote file systems have no place for what overlay and chown need.
func remote(kind int64) bool {
	switch kindName(kind) {
	case "NFS", "SMB", "9p", "AFS", "ceph", "FUSE", "ecryptfs":
		return true
	}
	return false
}
