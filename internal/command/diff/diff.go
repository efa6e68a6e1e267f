// SPDX-License-Identifier: Apache-2.0

// Package diff is the command tug-diff: what a container or an image has changed.
package diff

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/treediff"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	globals *cli.Globals
	format  string
	kind    string
	latest  bool
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-diff [OPTION]... CONTAINER|IMAGE [CONTAINER|IMAGE]",
		Short: "List the files that a container or an image has changed",
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args, cmd.OutOrStdout())
		},
	}
	cmd.Args = cli.Usage(func(cmd *cobra.Command, args []string) error {
		if o.latest && len(args) > 0 {
			return errors.New("--latest takes no container")
		}
		if o.latest {
			return nil
		}
		return cobra.RangeArgs(1, 2)(cmd, args)
	})
	o.globals = cli.AddGlobals(cmd)
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "", "`FORM` of the output: json")
	f.BoolVarP(&o.latest, "latest", "l", false, "Take the container that was created last")
	f.StringVar(&o.kind, "type", "all", "`KIND` of object: container, image, or all")
	return cmd
}

func (o *options) run(ctx context.Context, args []string, stdout io.Writer) (err error) {
	if o.format != "" && o.format != "json" {
		return errclass.New(errclass.Usage, "--format", fmt.Errorf("--format %q: must be json", o.format))
	}
	if o.kind != "all" && o.kind != "container" && o.kind != "image" {
		return errclass.New(errclass.Usage, "--type", fmt.Errorf("--type %q: must be container, image or all", o.kind))
	}
	store, err := libstorage.Open(ctx, o.globals.Store())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if o.latest {
		if args, err = latest(ctx, store); err != nil {
			return err
		}
	}
	var changes []treediff.Change
	err = o.within(ctx, store, args[0], func(now object) (err error) {
		if len(args) == 2 {
			return o.within(ctx, store, args[1], func(before object) (err error) {
				changes, err = treediff.Compare(ctx, before.tree, now.tree)
				return err
			})
		}
		return now.withParent(ctx, store, func(before []string) (err error) {
			changes, err = treediff.Compare(ctx, before, now.tree)
			return err
		})
	})
	if err != nil {
		return err
	}
	return o.print(stdout, changes)
}

func latest(ctx context.Context, store *libstorage.Store) ([]string, error) {
	list, err := store.Containers(ctx)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errclass.New(errclass.NotFound, "--latest", fmt.Errorf("--latest: %w", libstorage.ErrContainerUnknown))
	}
	return []string{list[len(list)-1].Record.ID}, nil
}

// report is what --format json prints.
type report struct {
	Changed []string `json:"changed,omitempty"`
	Added   []string `json:"added,omitempty"`
	Deleted []string `json:"deleted,omitempty"`
}

func (o *options) print(stdout io.Writer, changes []treediff.Change) error {
	var all report
	for _, change := range changes {
		if ours(change.Path) {
			continue
		}
		switch change.Kind {
		case treediff.Added:
			all.Added = append(all.Added, change.Path)
		case treediff.Changed:
			all.Changed = append(all.Changed, change.Path)
		case treediff.Deleted:
			all.Deleted = append(all.Deleted, change.Path)
		}
		if o.format == "json" {
			continue
		}
		if _, err := fmt.Fprintln(stdout, change.Kind, cli.Printable(change.Path)); err != nil {
			return err
		}
	}
	if o.format == "json" {
		return cli.WriteJSON(stdout, all)
	}
	return nil
}

// ours tells the files that running a container makes in it: the places of
// what is mounted there. The list is podman's.
func ours(path string) bool {
	switch path {
	case "/dev", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/etc/mtab", "/proc", "/run", "/run/.containerenv",
		"/run/notify", "/run/secrets", "/sys":
		return true
	}
	return false
}
