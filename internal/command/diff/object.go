// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"context"
	"errors"
	"fmt"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
)

// object is a container or an image, with the directories of its files.
type object struct {
	tree  []string
	image string // its ID, or that of the image below a container
	// container: tree has all of it, and image is what it began with.
	container bool
}

// within finds a container, or else an image, of that name.
func (o *options) within(ctx context.Context, store *libstorage.Store, name string, use func(object) error) error {
	if o.kind != "image" {
		info, err := store.Container(ctx, name)
		if err == nil {
			err = info.Err
		}
		switch {
		case err == nil:
			return withContainer(ctx, store, info, use)
		case o.kind == "container" || !errors.Is(err, libstorage.ErrContainerUnknown):
			return err
		}
	}
	img, err := store.Image(ctx, name)
	if errors.Is(err, libstorage.ErrImageUnknown) && o.kind == "all" {
		return errclass.New(errclass.NotFound, name, fmt.Errorf("no such object: %q: %w", name, libstorage.ErrImageUnknown))
	} else if err != nil {
		return err
	}
	return store.WithImageTree(ctx, img.ID, func(tree []string) error {
		return use(object{tree: tree, image: img.ID})
	})
}

func withContainer(ctx context.Context, store *libstorage.Store, info libstorage.ContainerInfo, use func(object) error) error {
	o := object{tree: store.ContainerTree(info), image: info.Record.ImageID, container: true}
	if o.tree != nil {
		return use(o)
	}
	if info.Translate() != nil {
		return unsupported("the files of container " + info.Record.Name + " were copied for its user namespace, and differ from the image's in their owners")
	}
	return store.WithRootfs(ctx, info.Record.ID, func(_ libstorage.ContainerInfo, dir string) error {
		o.tree = []string{dir}
		return use(o)
	})
}

// withParent gives what an object was made from.
func (o object) withParent(ctx context.Context, store *libstorage.Store, use func(before []string) error) error {
	switch {
	case len(o.tree) > 1 || !o.container && store.Driver() == "overlay":
		return use(o.tree[min(1, len(o.tree)):])
	case o.container && o.image != "":
		return store.WithImageTree(ctx, o.image, use)
	case o.container:
		return unsupported("a container with --rootfs changes that directory itself: name an image to compare with")
	}
	return unsupported("the storage driver " + store.Driver() + " does not say what a layer changed: name an image to compare with")
}

func unsupported(text string) error {
	return errclass.New(errclass.Unsupported, "", errors.New(text))
}
