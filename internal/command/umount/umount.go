// SPDX-License-Identifier: Apache-2.0

// Package umount is the command tug-umount: it undoes tug-mount.
package umount

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/mount"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/target"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	globals   *cli.Globals
	selection target.Selection
	kind      string
	force     bool
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-umount [OPTION]... CONTAINER...",
		Short: "Unmount the files of containers or images",
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, args)
		},
	}
	cmd.Args = cli.Usage(func(_ *cobra.Command, args []string) error {
		if err := mount.CheckType(o.kind, &o.selection); err != nil {
			return err
		}
		return o.selection.Check(args)
	})
	o.globals = cli.AddGlobals(cmd)
	cli.Unshared(cmd)
	cmd.ValidArgsFunction = cli.CompleteContainers(o.globals)
	f := cmd.Flags()
	f.BoolVarP(&o.selection.All, "all", "a", false, "Unmount all containers, or all images, that are mounted")
	f.BoolVarP(&o.force, "force", "f", false, "Undo all mounts of each, not the last one alone")
	f.BoolVarP(&o.selection.Latest, "latest", "l", false, "Unmount the container that was created last")
	f.StringVar(&o.kind, "type", "container", "`KIND` of what is unmounted: container or image")
	return cmd
}

func (o *options) run(cmd *cobra.Command, names []string) (err error) {
	ctx := cmd.Context()
	store, err := libstorage.Open(ctx, o.globals.Store())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if mount.OfImages(o.kind) {
		return o.images(cmd, store, names)
	}
	targets, err := o.selection.Targets(ctx, store, names)
	if err != nil {
		return err
	}
	errs := target.Each(cmd, targets, func(ctx context.Context, t *target.Target) error {
		if err := t.Usable(); err != nil {
			return err
		}
		if times, _ := t.Info.Held(); o.selection.All && times == 0 {
			t.Result = ""
			return nil
		}
		err := store.ReleaseRootfs(ctx, t.Info.Record.ID, o.force)
		switch {
		case errors.Is(err, libstorage.ErrNotMounted):
			return nil // as for podman it is none of ours to complain about
		case err == nil:
			launch.Note(store, &t.Info, "unmount")
		}
		return err
	})
	return target.Failure(cmd, errs, nil)
}

// images unmounts images, and prints the ID of each.
func (o *options) images(cmd *cobra.Command, store *libstorage.Store, names []string) error {
	ctx := cmd.Context()
	if o.selection.All {
		held, err := store.HeldImages(ctx)
		if err != nil {
			return err
		}
		for _, m := range held {
			names = append(names, m.ID)
		}
	}
	var errs []error
	for _, name := range names {
		img, err := store.ReleaseImage(ctx, name, o.force)
		switch {
		case errors.Is(err, libstorage.ErrImageNotMounted):
			continue
		case err == nil:
			store.NoteImage("unmount", img.ID, name)
			_, err = fmt.Fprintln(cmd.OutOrStdout(), img.ID)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return target.Failure(cmd, errs, nil)
}
