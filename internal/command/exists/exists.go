// SPDX-License-Identifier: Apache-2.0

// Package exists is the command tug-exists.
package exists

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
)

// codeMissing is the exit code for what is not there; nothing is printed then.
const codeMissing = 1

// New makes the command.
func New() *cobra.Command {
	var kind string
	cmd := &cobra.Command{
		Use:   "tug-exists [OPTION]... CONTAINER|IMAGE",
		Short: "Tell by the exit code whether a container or an image is there",
		Args:  cli.Usage(cobra.ExactArgs(1)),
	}
	globals := cli.AddGlobals(cmd)
	cli.OnlyLooks(cmd)
	cmd.Flags().StringVar(&kind, "type", "all", "`KIND` of object: container, image, or all")
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		found, err := look(cmd.Context(), globals.Store(), kind, args[0])
		if err == nil && !found {
			err = &cli.ExitError{Code: codeMissing}
		}
		return err
	}
	return cmd
}

func look(ctx context.Context, opts libstorage.Options, kind, name string) (found bool, err error) {
	switch kind {
	case "container":
		return container(ctx, opts, name)
	case "image":
		return image(ctx, opts, name)
	case "all":
		if found, err = container(ctx, opts, name); found || err != nil {
			return found, err
		}
		return image(ctx, opts, name)
	}
	return false, errclass.New(errclass.Usage, "--type", fmt.Errorf("--type %q: must be container, image or all", kind))
}

// container does not mind a damaged record: the container is there.
func container(ctx context.Context, opts libstorage.Options, name string) (bool, error) {
	records, err := libstorage.OpenRecords(ctx, opts)
	if err != nil {
		return false, err
	}
	_, err = records.Container(ctx, name)
	if errors.Is(err, libstorage.ErrContainerUnknown) {
		return false, nil
	}
	return err == nil, err
}

func image(ctx context.Context, opts libstorage.Options, name string) (found bool, err error) {
	store, err := libstorage.Open(ctx, opts)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	_, err = store.Image(ctx, name)
	if errors.Is(err, libstorage.ErrImageUnknown) {
		return false, nil
	}
	return err == nil, err
}
