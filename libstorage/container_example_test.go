// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/tug-containers/tug/libstorage"
)

func ExampleStore_CreateContainer() {
	ctx := context.Background()
	run := func() (err error) {
		store, err := libstorage.Open(ctx, libstorage.Options{})
		if err != nil {
			return err
		}
		defer store.Close()
		img, err := store.Image(ctx, "busybox")
		if err != nil {
			return err
		}
		c, err := store.CreateContainer(ctx, libstorage.ContainerOptions{
			Name: "hello", ImageID: img.ID, ImageName: "busybox", Ephemeral: true,
		})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.Remove(ctx)) }()
		root, err := c.Rootfs().Mount(ctx)
		if err != nil {
			return err
		}
		// Write c.RunDir()/config.json with root in it, and before the runtime
		// is started:
		if err := c.Ready(ctx); err != nil {
			return err
		}
		fmt.Println(root)
		return nil
	}
	if err := run(); err != nil {
		fmt.Println(err)
	}
}
