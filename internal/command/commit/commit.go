// SPDX-License-Identifier: Apache-2.0

// Package commit is the command tug-commit.
package commit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/imagechange"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/rootdir"
	"github.com/tug-containers/tug/internal/treetar"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	globals         *cli.Globals
	author, message string
	changes         []string
	format, idFile  string
	quiet, squash   bool
	pause, volumes  bool
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-commit [OPTION]... CONTAINER [NAME]",
		Short: "Make an image of what a container has changed",
		Args:  cli.Usage(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), append(args, "")[:2], cmd.OutOrStdout())
		},
	}
	o.globals = cli.AddGlobals(cmd)
	f := cmd.Flags()
	f.StringVarP(&o.author, "author", "a", "", "`NAME` of the image's author")
	f.StringArrayVarP(&o.changes, "change", "c", nil, "Carry out the Dockerfile `INSTRUCTION` on the configuration; can be repeated")
	f.StringVarP(&o.format, "format", "f", "oci", "`FORM` of the manifest: oci, docker")
	f.StringVar(&o.idFile, "iidfile", "", "Write the ID of the image to `FILE`")
	f.BoolVar(&o.volumes, "include-volumes", false, "Declare volumes of the image where the container was given mounts")
	f.StringVarP(&o.message, "message", "m", "", "Comment (`TEXT`) in the history of the image")
	f.BoolVarP(&o.pause, "pause", "p", false, "Pause a container that runs while its files are read")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "Say nothing but the ID, as without it")
	f.BoolVarP(&o.squash, "squash", "s", false, "Make one layer of all files")
	return cmd
}

func (o *options) run(ctx context.Context, args []string, stdout io.Writer) (err error) {
	if o.format != "oci" && o.format != "docker" {
		return errclass.New(errclass.Usage, "--format", fmt.Errorf("--format %q: must be oci or docker", o.format))
	}
	if err := imagechange.Apply(&v1.ImageConfig{}, map[string]json.RawMessage{}, o.changes); err != nil {
		return err
	}
	store, err := libstorage.Open(ctx, o.globals.Store())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	id := ""
	err = store.WithRootfs(ctx, args[0], func(info libstorage.ContainerInfo, dir string) (err error) {
		id, err = o.commit(ctx, store, info, dir, args[1])
		return err
	})
	if err != nil {
		return err
	}
	store.NoteImage("commit", id, args[1])
	if o.idFile != "" {
		if err := os.WriteFile(o.idFile, []byte(id), 0o644); err != nil {
			return fmt.Errorf("--iidfile: %w", err)
		}
	}
	_, err = fmt.Fprintln(stdout, id)
	return err
}

func (o *options) commit(ctx context.Context, store *libstorage.Store, info libstorage.ContainerInfo, dir, name string) (string, error) {
	record := info.Record
	image := libstorage.NewImage{
		Base: record.ImageID, Squash: o.squash, Docker: o.format == "docker", Name: name,
		History: v1.History{CreatedBy: strings.Join(record.Command, " "), Author: o.author, Comment: o.message},
		Config: func(config *v1.Image, more map[string]json.RawMessage) error {
			if o.author != "" {
				config.Author = o.author
			}
			if err := asked(&config.Config, &info, o.volumes); err != nil {
				return err
			}
			return imagechange.Apply(&config.Config, more, o.changes)
		},
	}
	tree := treetar.Options{IDs: info.Translate()}
	switch upper := info.UpperDir(); {
	case o.squash || record.ImageID == "":
	case upper == "":
		return "", errclass.New(errclass.Unsupported, record.ID, fmt.Errorf("container %s: the storage driver does not tell what it changed: say --squash", record.ID))
	default:
		dir, tree = upper, treetar.Options{Upper: true} // on the disk, the ids are the container's
	}
	root, err := rootdir.Open(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	unpause, err := o.stopped(ctx, store, &info)
	if err != nil {
		return "", err
	}
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := treetar.Write(ctx, w, root, tree)
		uerr := unpause() // what follows needs nothing of the container
		w.CloseWithError(err)
		done <- uerr
	}()
	image.Layer = r
	id, err := store.CreateImage(ctx, image)
	return id, errors.Join(err, r.Close(), <-done)
}

// stopped has the container stand still, when that is asked for, until the call of
// what it gives.
func (o *options) stopped(ctx context.Context, store *libstorage.Store, info *libstorage.ContainerInfo) (unpause func() error, err error) {
	nothing := func() error { return nil }
	if !o.pause || info.Record.State() != libstorage.Running {
		return nothing, nil
	}
	switch err := launch.Pause(ctx, store, info); {
	case errors.Is(err, launch.ErrState): // it is paused, or has just ended
		return nothing, nil
	case err != nil:
		return nil, err
	}
	return func() error {
		err := launch.Unpause(store, info)
		if errors.Is(err, launch.ErrState) { // by somebody else, or killed
			return nil
		}
		return err
	}, nil
}
