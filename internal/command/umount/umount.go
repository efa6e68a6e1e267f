// SPDX-License-Identifier: Apache-2.0

// Package umount is the command tug-umount: it undoes tug-mount.
package umount

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	globals            *cli.Globals
	all, force, latest bool
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-umount [OPTION]... CONTAINER...",
		Short: "Unmount the files of containers",
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, args)
		},
	}
	cmd.Args = cli.Usage(func(_ *cobra.Command, args []string) error {
		switch {
		case (o.all || o.latest) && len(args) > 0 || o.all && o.latest:
			return errors.New("say containers, --all or --latest")
		case !o.all && !o.latest && len(args) == 0:
			return errors.New("name a container, or give --all")
		}
		return nil
	})
	o.globals = cli.AddGlobals(cmd)
	cli.Unshared(cmd)
	cmd.ValidArgsFunction = cli.CompleteContainers(o.globals)
	f := cmd.Flags()
	f.BoolVarP(&o.all, "all", "a", false, "Unmount all containers that are mounted")
	f.BoolVarP(&o.force, "force", "f", false, "Undo all mounts of a container, not the last one alone")
	f.BoolVarP(&o.latest, "latest", "l", false, "Unmount the container that was created last")
	return cmd
}

func (o *options) run(cmd *cobra.Command, names []string) (err error) {
	ctx, stdout := cmd.Context(), cmd.OutOrStdout()
	store, err := libstorage.Open(ctx, o.globals.Store())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if o.all || o.latest {
		list, err := store.Containers(ctx)
		if err != nil {
			return err
		}
		for i := range list {
			if times, _ := list[i].Held(); o.all && times > 0 || o.latest && i == len(list)-1 {
				names = append(names, list[i].Record.ID)
			}
		}
		if o.latest && len(names) == 0 {
			return errclass.New(errclass.NotFound, "--latest", fmt.Errorf("--latest: %w", libstorage.ErrContainerUnknown))
		}
	}
	for _, name := range names {
		info, uerr := store.Container(ctx, name)
		if uerr == nil {
			uerr = store.ReleaseRootfs(ctx, name, o.force)
		}
		switch {
		case errors.Is(uerr, libstorage.ErrNotMounted):
			// As for podman it is none of ours to complain about.
		case uerr != nil:
			if err != nil {
				cli.Report(cmd, err)
			}
			err = uerr
			continue
		default:
			launch.Note(store, &info, "unmount")
		}
		if _, perr := fmt.Fprintln(stdout, cli.Printable(name)); perr != nil {
			return perr
		}
	}
	return err
}
