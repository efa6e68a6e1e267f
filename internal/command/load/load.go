// SPDX-License-Identifier: Apache-2.0

// Package load is the command tug-load.
package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/access"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/progress"
	"github.com/tug-containers/tug/libimage"
	"github.com/tug-containers/tug/libstorage"
	"golang.org/x/term"
)

type options struct {
	globals  *cli.Globals
	platform access.Platform
	progress *progress.Flags
	input    string
	policy   string
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-load [OPTION]...",
		Short: "Load images from an archive or a directory",
		Args:  cli.Usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.globals = cli.AddGlobals(cmd)
	o.platform.Add(cmd)
	f := cmd.Flags()
	o.progress = progress.AddFlags(f)
	f.StringVarP(&o.input, "input", "i", "", "`FILE` or directory to read (default: stdin)")
	f.StringVar(&o.policy, "signature-policy", "", "`FILE` with the signature policy (default: policy.json)")
	return cmd
}

func (o *options) run(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	if f, ok := stdin.(*os.File); ok && o.input == "" && term.IsTerminal(int(f.Fd())) {
		return errclass.New(errclass.Usage, "--input", errors.New("an archive does not come from a terminal: redirect stdin, or say --input"))
	}
	opts := libimage.PullOptions{Access: libimage.Access{Policy: o.policy}}
	if opts.Platform, err = o.platform.Platform(); err != nil {
		return err
	}
	display, err := o.progress.Display(stderr, o.globals.ErrorFormat, "Loading")
	if err != nil {
		return err
	}
	defer display.Close()
	opts.Progress = display.Event
	store, err := libstorage.Open(ctx, o.globals.Store())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	images, err := o.load(ctx, store, stdin, opts)
	for _, img := range images {
		store.NoteImage("load", img.ID, o.input)
		names := img.Names
		if len(names) == 0 {
			names = []string{"sha256:" + img.ID}
		}
		for _, name := range names {
			if _, err := fmt.Fprintln(stdout, "Loaded image: "+name); err != nil {
				return err
			}
		}
	}
	return err
}

// load reads a file or a directory where it is, and what cannot be sought as a
// stream.
func (o *options) load(ctx context.Context, store *libstorage.Store, stdin io.Reader, opts libimage.PullOptions) ([]libimage.Loaded, error) {
	if o.input == "" {
		return libimage.LoadFrom(ctx, store, stdin, opts)
	}
	info, err := os.Stat(o.input)
	if err != nil || info.IsDir() || info.Mode().IsRegular() {
		return libimage.Load(ctx, store, o.input, opts)
	}
	f, err := os.Open(o.input)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return libimage.LoadFrom(ctx, store, f, opts)
}
