// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"slices"

	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

// Volume is a mount whose source is made for the container.
type Volume struct {
	// Name is that of a volume of the store; Anonymous says that it was made up
	// for this container. An anonymous one without a name gets one when the
	// container is made.
	Name      string `json:"name,omitzero"`
	Anonymous bool   `json:"anonymous,omitzero"`
	// NoCopy leaves a new volume empty, Subpath mounts what is there in it.
	NoCopy  bool   `json:"noCopy,omitzero"`
	Subpath string `json:"subpath,omitzero"`
	// Overlay is a directory of the host under an overlay; what the container
	// changes is dropped with it. Image is the name of an image whose content is
	// mounted. Name, or one of them, is set.
	Overlay string `json:"overlay,omitzero"`
	Image   string `json:"image,omitzero"`
	// ReadWrite makes an image's content writable, for this container alone; so
	// does Covered with that of a volume.
	ReadWrite bool `json:"readWrite,omitzero"`
	Covered   bool `json:"covered,omitzero"`
	// Destination is the path in the container, Options those of a bind mount.
	Destination string   `json:"destination"`
	Options     []string `json:"options,omitzero"`
	// Chown gives the mounted tree to the container's user.
	Chown bool `json:"chown,omitzero"`
	// IDMap shows the numbers that are on the disk to the container as they are.
	IDMap bool `json:"idmap,omitzero"`
}

// ofStore tells a volume of the store from the other kinds.
func (v *Volume) ofStore() bool { return v.Name != "" || v.Anonymous }

// volumes makes the sources of o.Volumes, and turns them into bind mounts; rootfs
// is where the container's root file system is mounted. It does so at every
// start: what a volume was filled with once, it keeps.
func (l *launcher) volumes(ctx context.Context, rootfs string) error {
	mounts := slices.Clone(l.o.Exec.Mounts)
	for i := range mounts {
		if !mounts[i].IDMap {
			continue
		}
		var err error
		if mounts[i].Source, err = l.container.MountMapped(mounts[i].Source); err != nil {
			return err
		}
	}
	for _, v := range l.o.Volumes {
		source, chown, err := l.volume(ctx, &v, rootfs)
		if err != nil {
			return err
		}
		if v.IDMap {
			if source, err = l.container.MountMapped(source); err != nil {
				return err
			}
		}
		mounts = append(mounts, libexec.Mount{
			Type: "bind", Source: source, Destination: v.Destination, Options: v.Options, Chown: v.Chown || chown,
		})
	}
	l.o.Exec.Mounts = mounts
	l.config.Volumes = nil // claimVolumes has decided about them
	return nil
}

func (l *launcher) volume(ctx context.Context, v *Volume, rootfs string) (source string, chown bool, err error) {
	if v.ofStore() {
		mounted, err := l.container.MountVolume(ctx, v.Name, libstorage.VolumeMount{
			Root: rootfs, Destination: v.Destination, NoCopy: v.NoCopy, Subpath: v.Subpath,
		})
		if err != nil || !v.Covered {
			return mounted.Path, mounted.Chown, err
		}
		source, err = l.container.MountOverlay(ctx, mounted.Path)
		return source, mounted.Chown, err
	}
	lower := v.Overlay
	if v.Image != "" {
		image, err := l.store.Image(ctx, v.Image)
		if err != nil {
			return "", false, err
		}
		lower, err = l.container.MountImage(ctx, image.ID)
		if err != nil || !v.ReadWrite {
			return lower, false, err
		}
	}
	source, err = l.container.MountOverlay(ctx, lower)
	return source, false, err
}
