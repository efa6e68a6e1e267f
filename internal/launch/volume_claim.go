// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

// The values of Options.ImageVolumes, what becomes of the volumes that an image
// declares. Empty is ImageVolumesAnonymous.
const (
	ImageVolumesAnonymous = "anonymous"
	ImageVolumesTmpfs     = "tmpfs"
	ImageVolumesIgnore    = "ignore"
)

// imageVolumeLimit is how many volumes an image may declare: each is a directory
// and a mount.
const imageVolumeLimit = 200

// claimVolumes decides which volumes the container has, before it is made, and
// gives those of the store. Afterwards o.Volumes and o.Exec.Mounts, which its
// record keeps, say all about them: neither the image nor the containers of
// o.VolumesFrom are asked again.
func (l *launcher) claimVolumes(ctx context.Context) ([]libstorage.VolumeOptions, error) {
	for _, from := range l.o.VolumesFrom {
		if err := l.borrow(ctx, from); err != nil {
			return nil, err
		}
	}
	if err := l.declared(); err != nil {
		return nil, err
	}
	var claimed []libstorage.VolumeOptions
	for i := range l.o.Volumes {
		v := &l.o.Volumes[i]
		if !v.ofStore() {
			continue
		}
		if v.Name == "" {
			v.Name = libstorage.NewVolumeName()
		}
		if !slices.ContainsFunc(claimed, func(o libstorage.VolumeOptions) bool { return o.Name == v.Name }) {
			claimed = append(claimed, libstorage.VolumeOptions{Name: v.Name, Anonymous: v.Anonymous})
		}
	}
	return claimed, nil
}

// taken tells whether something is mounted at a place already.
func (l *launcher) taken(place string) bool {
	return slices.ContainsFunc(l.o.Volumes, func(v Volume) bool { return path.Clean(v.Destination) == place }) ||
		slices.ContainsFunc(l.o.Exec.Mounts, func(m libexec.Mount) bool { return path.Clean(m.Destination) == place })
}

// borrow takes over the volumes and the bind mounts of another container, but for
// places where something else is mounted.
func (l *launcher) borrow(ctx context.Context, from VolumesFrom) error {
	info, err := l.store.Container(ctx, from.Container)
	if err == nil {
		err = info.Err
	}
	if err != nil {
		return fmt.Errorf("volumes from %s: %w", from.Container, err)
	}
	config, err := ReadConfig(&info)
	if err != nil {
		return err
	}
	for _, v := range config.Volumes {
		if v.ofStore() && !l.taken(path.Clean(v.Destination)) {
			v.Options, v.Chown = from.options(v.Options), false
			l.o.Volumes = append(l.o.Volumes, v)
		}
	}
	for _, m := range config.Exec.Mounts {
		if m.Type == "bind" && !l.taken(path.Clean(m.Destination)) {
			m.Options, m.Chown = from.options(m.Options), false
			l.o.Exec.Mounts = append(l.o.Exec.Mounts, m)
		}
	}
	return nil
}

// VolumesFrom names a container whose volumes another one gets as well.
type VolumesFrom struct {
	Container string
	// Access is "ro" or "rw", or empty for what the container has itself.
	Access string
}

func (f VolumesFrom) options(own []string) []string {
	if f.Access == "" {
		return own
	}
	own = slices.DeleteFunc(slices.Clone(own), func(o string) bool { return o == "ro" || o == "rw" })
	return append(own, f.Access)
}

// declared adds the volumes of the image, where nothing else is mounted.
func (l *launcher) declared() error {
	if l.o.ImageVolumes == ImageVolumesIgnore {
		return nil
	}
	if n := len(l.config.Volumes); n > imageVolumeLimit {
		return badImageVolume(fmt.Errorf("image: it declares %d volumes: more than %d are not made", n, imageVolumeLimit))
	}
	for _, declared := range slices.Sorted(maps.Keys(l.config.Volumes)) {
		place := path.Clean(declared)
		if !path.IsAbs(declared) || place == "/" || kernelPlace(place) || strings.IndexByte(place, 0) >= 0 {
			return badImageVolume(fmt.Errorf("image: volume %q cannot be mounted", declared[:min(len(declared), 200)]))
		}
		switch {
		case l.taken(place):
		case l.o.ImageVolumes == ImageVolumesTmpfs:
			l.o.Exec.Mounts = append(l.o.Exec.Mounts, libexec.Mount{Type: "tmpfs", Destination: place})
		default:
			l.o.Volumes = append(l.o.Volumes, Volume{Anonymous: true, Destination: place})
		}
	}
	return nil
}

// kernelPlace tells a path in one of the kernel's file systems.
func kernelPlace(place string) bool {
	return slices.ContainsFunc([]string{"/proc", "/sys", "/dev"}, func(dir string) bool {
		return place == dir || strings.HasPrefix(place, dir+"/")
	})
}

func badImageVolume(err error) error {
	return errclass.New(errclass.Verification, "Volumes", err)
}
