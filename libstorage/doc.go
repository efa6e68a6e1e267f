// SPDX-License-Identifier: Apache-2.0

// Package libstorage keeps images, their layers, and the file systems and
// records of containers. It works on the same graph root as podman, buildah
// and skopeo: an image that one of them pulled is there, and the other way
// round.
//
//	store, err := libstorage.Open(ctx, libstorage.Options{})
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//	img, err := store.Image(ctx, "busybox")
//	if err != nil {
//		return err
//	}
//	cfg, err := store.Config(ctx, img.ID)
//
// It moves no images: pulling and pushing is libimage's. It runs nothing:
// that is libexec's. Do not use it to look into the files of an image by path;
// what an image's author put there may lead anywhere.
//
// # On disk
//
// Images and layers are those of containers/storage (go.podman.io/storage),
// unchanged, in ROOT/DRIVER-images, ROOT/DRIVER-layers and ROOT/DRIVER. Our own
// is beneath ROOT/tug and RUNROOT/tug:
//
//	ROOT/tug/containers/ID/   a container that outlives its process
//	ROOT/tug/ephemeral/ID/    the writable layer of one that does not
//	ROOT/tug/names/NAME       a link to the lock file of the container that has it
//	ROOT/tug/volumes/NAME/    a volume; doc_volume.go
//	ROOT/tug/leases/IMAGE     linked to by each of our containers that uses it
//	ROOT/tug/removing/IMAGE   the removal of an image, while it goes on
//	ROOT/tug/ballast/         room for the removal of an image on a full disk
//	ROOT/tug/tmp/             downloads
//	ROOT/tug/pulling/ID       the lock of a layer that is being brought in
//	ROOT/tug/pull.lock        shared by all who put layers into the store
//	ROOT/tug/commit.lock      of who puts one into its place
//	RUNROOT/tug/ID/           what of a container ends with the boot
//
// Writing is durable by default (sync=filesystem of the overlay and vfs
// drivers): an image that is listed survives a power cut.
//
// # Locks
//
// In this order, where more than one is held:
//
//  1. the lock of a container's directory,
//  2. ids.lock, of who chooses ids for a container (--userns=auto),
//  3. the lock of a volume, one at a time,
//  4. the lock of an image's lease,
//  5. those of containers/storage, which it takes and releases itself within
//     one call: storage.lock, layers.lock, images.lock, containers.lock.
//
// A pull has none of the first four, but pull.lock, then those of layers, the lower
// ones first, then commit.lock, and then the last kind. That of a layer is the other one
// that is held while content is read: who waits for it waits for that content.
//
// But for that, only the lock of a volume is held while the content of an image is read: what the
// image has at its place is copied into it once. Listing images, looking one up
// and reading its config take only shared locks of the last kind.
package libstorage
