// SPDX-License-Identifier: Apache-2.0

// Package save is the command tug-save.
package save

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/progress"
	"github.com/tug-containers/tug/libimage"
	"github.com/tug-containers/tug/libstorage"
	"golang.org/x/term"
)

type options struct {
	globals  *cli.Globals
	progress *progress.Flags
	save     libimage.SaveOptions
	output   string
	multi    bool
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-save [OPTION]... IMAGE [NAME]...",
		Short: "Save images to an archive or a directory",
		Args:  cli.Usage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.globals = cli.AddGlobals(cmd)
	cmd.ValidArgsFunction = cli.CompleteImages(o.globals)
	f := cmd.Flags()
	o.progress = progress.AddFlags(f)
	f.BoolVar(&o.save.Compress, "compress", false, "Compress the layers of a docker-dir")
	f.StringVar(&o.save.Format, "format", "docker-archive", "`FORM` to write: docker-archive, oci-archive, oci-dir, docker-dir")
	f.BoolVarP(&o.multi, "multi-image-archive", "m", false, "Take each argument for an image, and not for a further name")
	f.StringVarP(&o.output, "output", "o", "", "`FILE` or directory to write (default: stdout)")
	f.BoolVar(&o.save.Uncompressed, "uncompressed", false, "Leave the layers uncompressed in the OCI formats")
	return cmd
}

func (o *options) run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	images := args
	if !o.multi {
		images, o.save.Tags = args[:1], args[1:]
	}
	if f, ok := stdout.(*os.File); ok && o.output == "" && term.IsTerminal(int(f.Fd())) {
		return errclass.New(errclass.Usage, "--output", errors.New("an archive is not for a terminal: redirect stdout, or say --output"))
	}
	display, err := o.progress.Display(stderr, o.globals.ErrorFormat, "Saving")
	if err != nil {
		return err
	}
	defer display.Close()
	o.save.Progress = display.Event
	store, err := libstorage.Open(ctx, o.globals.Store())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if o.output == "" {
		return libimage.SaveTo(ctx, store, stdout, images, o.save)
	}
	return libimage.Save(ctx, store, o.output, images, o.save)
}
