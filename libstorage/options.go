// SPDX-License-Identifier: Apache-2.0

package libstorage

// Options say which store to open. The zero value is what storage.conf says,
// as for podman, buildah and skopeo: the same store.
type Options struct {
	// Root is the graph root: images, layers, containers. Empty: storage.conf.
	Root string
	// RunRoot holds what lives no longer than the boot. Empty: storage.conf.
	RunRoot string
	// Driver is the storage driver: overlay, vfs, btrfs, zfs. Empty:
	// storage.conf, else the best that works here.
	Driver string
	// DriverOptions are NAME=VALUE, as --storage-opt; when set they replace
	// those of storage.conf.
	DriverOptions []string
}
