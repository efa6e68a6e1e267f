// SPDX-License-Identifier: Apache-2.0

// Package mount is the command tug-mount: it makes the root file systems of
// containers visible on the host.
package mount

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	globals     *cli.Globals
	all, latest bool
	format      string
	noTrunc     bool
}

// row is what --format json shows of a container. The names are podman's.
type row struct {
	ID         string `json:"id"`
	Names      []string
	Mountpoint string `json:"mountpoint"`
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-mount [OPTION]... [CONTAINER]...",
		Short: "Mount the files of containers, or list what is mounted",
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, args)
		},
	}
	cmd.Args = cli.Usage(func(_ *cobra.Command, args []string) error {
		if (o.all || o.latest) && len(args) > 0 || o.all && o.latest {
			return errors.New("say containers, --all or --latest")
		}
		return nil
	})
	o.globals = cli.AddGlobals(cmd)
	cli.Unshared(cmd)
	cmd.ValidArgsFunction = cli.CompleteContainers(o.globals)
	f := cmd.Flags()
	f.BoolVarP(&o.all, "all", "a", false, "Mount all containers")
	f.StringVar(&o.format, "format", "", "`FORM` of the output: json")
	f.BoolVarP(&o.latest, "latest", "l", false, "Mount the container that was created last")
	f.BoolVar(&o.noTrunc, "no-trunc", false, "Show all of the IDs in the list")
	f.BoolVar(&o.noTrunc, "notruncate", false, "The same")
	return cmd
}

func (o *options) run(cmd *cobra.Command, names []string) (err error) {
	ctx, stdout := cmd.Context(), cmd.OutOrStdout()
	if o.format != "" && o.format != "json" {
		return errclass.New(errclass.Usage, "--format", fmt.Errorf("--format %q: must be json", o.format))
	}
	store, err := libstorage.Open(ctx, o.globals.Store())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if o.all || o.latest {
		if names, err = o.chosen(ctx, store); err != nil {
			return err
		}
	} else if len(names) == 0 {
		return o.list(ctx, store, stdout)
	}
	rows := []row{}
	for _, name := range names {
		path, herr := store.HoldRootfs(ctx, name)
		if herr != nil {
			if err != nil {
				cli.Report(cmd, err)
			}
			err = herr
			continue
		}
		if info, ierr := store.Container(ctx, name); ierr == nil {
			launch.Note(store, &info, "mount")
			rows = append(rows, row{info.Record.ID, []string{info.Record.Name}, path})
		}
		if o.format == "" {
			if _, perr := fmt.Fprintln(stdout, cli.Printable(path)); perr != nil {
				return perr
			}
		}
	}
	if o.format == "json" {
		err = errors.Join(err, cli.WriteJSON(stdout, rows))
	}
	return err
}

func (o *options) chosen(ctx context.Context, store *libstorage.Store) ([]string, error) {
	list, err := store.Containers(ctx)
	if o.latest && err == nil {
		if len(list) == 0 {
			return nil, errclass.New(errclass.NotFound, "--latest", fmt.Errorf("--latest: %w", libstorage.ErrContainerUnknown))
		}
		list = list[len(list)-1:]
	}
	var names []string
	for _, info := range list {
		names = append(names, info.Record.ID)
	}
	return names, err
}

// list shows what is mounted.
func (o *options) list(ctx context.Context, store *libstorage.Store, stdout io.Writer) error {
	containers, err := store.Containers(ctx)
	if err != nil {
		return err
	}
	rows, table := []row{}, cli.Table{}
	for _, info := range containers {
		path := info.MountPoint()
		if path == "" {
			continue
		}
		id := info.Record.ID
		rows = append(rows, row{id, []string{info.Record.Name}, path})
		if !o.noTrunc {
			id = id[:12]
		}
		table.Add(id, path)
	}
	if o.format == "json" {
		return cli.WriteJSON(stdout, rows)
	}
	return table.Write(stdout)
}
