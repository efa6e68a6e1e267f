// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/volume"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
)

// find gathers the objects that are there. Where a container and an image have
// one name, the container is meant, as podman has it.
func find(cmd *cobra.Command, s *libstorage.Store, o options, names []string) ([]any, error) {
	ctx := cmd.Context()
	objects := []any{}
	if o.latest {
		latest, err := s.Latest(ctx)
		if err != nil {
			return objects, err
		}
		names, o.kind = []string{latest.Record.ID}, "container"
	}
	err := each(cmd, names, func(name string) error {
		object, err := o.object(ctx, s, name)
		if err == nil {
			objects = append(objects, object)
		}
		return err
	})
	return objects, err
}

func (o options) object(ctx context.Context, s *libstorage.Store, name string) (any, error) {
	if o.kind == "volume" {
		return inspectVolume(ctx, s, name)
	}
	if o.kind != "image" {
		info, err := s.Container(ctx, name)
		switch {
		case err == nil:
			return inspectContainer(ctx, s, &info, o.size)
		case !errors.Is(err, libstorage.ErrContainerUnknown):
			return nil, err
		case o.kind == "container":
			return nil, errclass.New(errclass.NotFound, name, fmt.Errorf("no such container %s: %w", name, libstorage.ErrContainerUnknown))
		}
	}
	var data *imageData
	err := onImage(ctx, s, name, func(id string) (err error) {
		data, err = inspect(ctx, s, id)
		return err
	})
	if o.kind == "all" && errors.Is(err, libstorage.ErrImageUnknown) {
		if volume, verr := inspectVolume(ctx, s, name); !errors.Is(verr, libstorage.ErrVolumeUnknown) {
			return volume, verr
		}
	}
	return data, err
}

func inspectVolume(ctx context.Context, s *libstorage.Store, name string) (any, error) {
	v, err := s.FindVolume(ctx, name)
	if err == nil {
		err = v.Err
	}
	if err != nil {
		return nil, err
	}
	data, err := volume.Describe(ctx, s, v)
	return &data, err
}

// onImage does something with the ID of an image.
func onImage(ctx context.Context, s *libstorage.Store, name string, do func(id string) error) error {
	img, err := s.Image(ctx, name)
	if errors.Is(err, libstorage.ErrImageUnknown) {
		return errclass.New(errclass.NotFound, name, fmt.Errorf("no such object: %q: %w", name, libstorage.ErrImageUnknown))
	}
	if err != nil {
		return err
	}
	return do(img.ID)
}

// each does something for every name; the last error is returned, those before
// it are reported.
func each(cmd *cobra.Command, names []string, do func(name string) error) error {
	var last error
	for _, name := range names {
		err := do(name)
		if err == nil {
			continue
		}
		if last != nil {
			cli.Report(cmd, last)
		}
		last = err
	}
	return last
}

// complete completes the names of what --type allows.
func complete(globals *cli.Globals, o *options) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) (names []string, directive cobra.ShellCompDirective) {
		if o.kind != "image" {
			names, directive = cli.CompleteContainers(globals)(cmd, args, typed)
		}
		if o.kind != "container" {
			images, more := cli.CompleteImages(globals)(cmd, args, typed)
			names, directive = append(names, images...), directive|more
		}
		return names, directive
	}
}
