// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"

	"github.com/tug-containers/tug/libexec"
)

// volumes makes the sources of o.Volumes, and turns them into bind mounts.
func (l *launcher) volumes(ctx context.Context) error {
	for _, v := range l.o.Volumes {
		source, err := l.volume(ctx, v)
		if err != nil {
			return err
		}
		l.o.Exec.Mounts = append(l.o.Exec.Mounts, libexec.Mount{
			Type: "bind", Source: source, Destination: v.Destination, Options: v.Options, Chown: v.Chown,
		})
	}
	return nil
}

func (l *launcher) volume(ctx context.Context, v Volume) (string, error) {
	lower := v.Overlay
	if v.Image != "" {
		image, err := l.store.Image(ctx, v.Image)
		if err != nil {
			return "", err
		}
		lower, err = l.container.MountImage(ctx, image.ID)
		if err != nil || !v.ReadWrite {
			return lower, err
		}
	}
	return l.container.MountOverlay(ctx, lower)
}
