// SPDX-License-Identifier: Apache-2.0

// Command libstorage lists the images of a store, or the layers of one image.
//
//	libstorage [-root DIR] [IMAGE]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/tug-containers/tug/libstorage"
)

func main() {
	root := flag.String("root", "", "directory of the store; that of storage.conf when empty")
	flag.Parse()
	if err := show(context.Background(), *root, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func show(ctx context.Context, root, name string) (err error) {
	store, err := libstorage.Open(ctx, libstorage.Options{Root: root})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if name != "" {
		return history(ctx, store, name)
	}
	images, err := store.Images(ctx)
	if err != nil {
		return err
	}
	for _, image := range images {
		if image.Err != nil { // a damaged image hides no other
			fmt.Printf("%.12s  damaged: %v\n", image.ID, image.Err)
			continue
		}
		fmt.Printf("%.12s  %10d  %q\n", image.ID, image.Size, image.Names)
	}
	return nil
}

func history(ctx context.Context, store *libstorage.Store, name string) error {
	image, err := store.Image(ctx, name)
	if errors.Is(err, libstorage.ErrImageUnknown) {
		return fmt.Errorf("%w: pull it first", err)
	}
	if err != nil {
		return err
	}
	steps, err := store.History(ctx, image.ID)
	if err != nil {
		return err
	}
	for _, step := range steps {
		fmt.Printf("%10d  %q\n", step.Size, step.CreatedBy) // %q: the text is the image author's
	}
	return nil
}
