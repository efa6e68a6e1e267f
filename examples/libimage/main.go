// SPDX-License-Identifier: Apache-2.0

// Command libimage pulls an image into a store of its own.
//
//	libimage DIR docker.io/library/busybox
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/tug-containers/tug/libimage"
	"github.com/tug-containers/tug/libimage/unpack"
	"github.com/tug-containers/tug/libstorage"
)

func main() {
	if unpack.Init() { // this is the process that unpacks a layer, and it is done
		return
	}
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: libimage DIR IMAGE")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := pull(ctx, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func pull(ctx context.Context, dir, name string) (err error) {
	store, err := libstorage.Open(ctx, libstorage.Options{Root: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	got, err := libimage.Pull(ctx, store, name, libimage.PullOptions{
		Policy: libimage.PullNewer,
		Retry:  libimage.Retry{Times: 3},
		Progress: func(e libimage.Event) {
			if e.Kind != libimage.EventProgress {
				fmt.Fprintln(os.Stderr, e.Kind, e.Digest, e.Message)
			}
		},
	})
	switch {
	case errors.Is(err, libimage.ErrNotFound):
		return fmt.Errorf("%w: is the name right?", err)
	case errors.Is(err, libimage.ErrAuth):
		return fmt.Errorf("%w: log in first", err)
	case err != nil:
		return err
	}
	fmt.Println(got.ID)
	return nil
}
