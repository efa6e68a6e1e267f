// SPDX-License-Identifier: Apache-2.0

// Package mount is the command tug-mount: it makes the root file systems of
// containers, and images, visible on the host.
package mount

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/target"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	globals   *cli.Globals
	selection target.Selection
	kind      string
	format    string
	noTrunc   bool
}

// The values of --type.
const (
	ofContainers = "container"
	ofImages     = "image"
)

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
		Short: "Mount the files of containers or images, or list what is mounted",
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, args)
		},
	}
	cmd.Args = cli.Usage(func(_ *cobra.Command, args []string) error { return o.check(args) })
	o.globals = cli.AddGlobals(cmd)
	cli.Unshared(cmd)
	containers, images := cli.CompleteContainers(o.globals), cli.CompleteImages(o.globals)
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if o.kind == ofImages {
			return images(cmd, args, typed)
		}
		return containers(cmd, args, typed)
	}
	f := cmd.Flags()
	f.BoolVarP(&o.selection.All, "all", "a", false, "Mount all containers, or all images")
	f.StringVar(&o.format, "format", "", "`FORM` of the output: json")
	f.BoolVarP(&o.selection.Latest, "latest", "l", false, "Mount the container that was created last")
	f.BoolVar(&o.noTrunc, "no-trunc", false, "Show all of the IDs in the list")
	f.BoolVar(&o.noTrunc, "notruncate", false, "The same")
	f.StringVar(&o.kind, "type", ofContainers, "`KIND` of what is mounted: container or image")
	return cmd
}

func (o *options) check(args []string) error {
	if err := CheckType(o.kind, &o.selection); err != nil {
		return err
	}
	if o.format != "" && o.format != "json" {
		return fmt.Errorf("--format %q: must be json", o.format)
	}
	if o.listing(args) {
		return nil
	}
	return o.selection.Check(args)
}

// CheckType tells whether --type is one that there is, and goes together with the
// rest.
func CheckType(kind string, s *target.Selection) error {
	switch {
	case kind != ofContainers && kind != ofImages:
		return errclass.New(errclass.Usage, "--type", fmt.Errorf("--type %q: must be container or image", kind))
	case kind == ofImages && s.Latest:
		return errors.New("--latest is for containers")
	}
	return nil
}

// OfImages tells whether --type says images.
func OfImages(kind string) bool { return kind == ofImages }

// listing tells that nothing is to be mounted.
func (o *options) listing(args []string) bool {
	return len(args) == 0 && !o.selection.All && !o.selection.Latest
}

func (o *options) run(cmd *cobra.Command, names []string) (err error) {
	ctx, stdout := cmd.Context(), cmd.OutOrStdout()
	store, err := libstorage.Open(ctx, o.globals.Store())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	switch {
	case OfImages(o.kind):
		return o.images(cmd, store, names)
	case o.listing(names):
		return o.list(ctx, store, stdout)
	}
	targets, err := o.selection.Targets(ctx, store, names)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	mounted := map[string]string{}
	errs := target.Each(cmd, targets, func(ctx context.Context, t *target.Target) error {
		if err := t.Usable(); err != nil {
			return err
		}
		path, err := store.HoldRootfs(ctx, t.Info.Record.ID)
		if err != nil {
			return err
		}
		launch.Note(store, &t.Info, "mount")
		if t.Result = path; o.format != "" {
			t.Result = ""
		}
		mu.Lock()
		defer mu.Unlock()
		mounted[t.Info.Record.ID] = path
		return nil
	})
	if o.format != "" {
		rows := []row{}
		for _, t := range targets {
			if path := mounted[t.Info.Record.ID]; path != "" {
				rows = append(rows, row{t.Info.Record.ID, []string{t.Info.Record.Name}, path})
			}
		}
		if err := cli.WriteJSON(stdout, rows); err != nil {
			errs = append(errs, err)
		}
	}
	return target.Failure(cmd, errs, nil)
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
