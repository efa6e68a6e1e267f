// SPDX-License-Identifier: Apache-2.0

// Package inspectremote is the command tug-inspect-remote: the part of
// tug-inspect that reads images where they are, which links what a registry
// needs.
package inspectremote

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/access"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libimage"
)

type options struct {
	globals     *cli.Globals
	access      *access.Flags
	platform    access.Platform
	raw, config bool
	layers      bool
	noTags      bool
	format      string
	kind        string
	tempDir     string
	retry       int
	retryDelay  time.Duration
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-inspect-remote [OPTION]... TRANSPORT:IMAGE",
		Short: "Show an image where it is, without fetching its layers",
		Long: `Show an image of a registry, a directory or an archive, without fetching its layers.
tug-inspect becomes this program for a name with a transport.`,
		Args: cli.Usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
		ValidArgsFunction: access.CompleteTransport,
	}
	cli.SetStyle(cmd, cli.Skopeo)
	o.globals = cli.AddGlobals(cmd)
	cli.Outside(cmd)
	o.access = access.AddRemote(cmd)
	o.platform.Add(cmd)
	f := cmd.Flags()
	f.BoolVar(&o.raw, "raw", false, "Print the manifest as it is; with --config, the config")
	f.BoolVar(&o.config, "config", false, "Print the image's config")
	f.BoolVar(&o.layers, "layers", false, "Show layers with their sizes")
	f.BoolVarP(&o.noTags, "no-tags", "n", false, "Do not list the tags of the repository")
	f.StringVarP(&o.format, "format", "f", "", "`FORMAT` of the output: json, or a Go template")
	f.StringVarP(&o.kind, "type", "t", "all", "`KIND` of object: image, or all")
	f.IntVar(&o.retry, "retry-times", 0, "How often to try again after what may pass")
	f.DurationVar(&o.retryDelay, "retry-delay", 0, "Pause before trying again (default: one second, doubled each time)")
	f.StringVar(&o.tempDir, "tmpdir", "", "`DIR` for temporary files (default: /var/tmp)")
	return cmd
}

func (o *options) run(ctx context.Context, name string, stdout, stderr io.Writer) error {
	opts, format, err := o.parse(stderr)
	if err != nil {
		return err
	}
	found, err := libimage.Inspect(ctx, name, opts)
	if err != nil {
		return err
	}
	switch {
	case o.raw && !o.config:
		_, err = stdout.Write(found.Manifest)
		return err
	case o.config:
		return o.writeConfig(name, found, stdout)
	case o.layers:
		return writeLayers(stdout, found)
	}
	if !found.Image {
		return write(stdout, format, artifactOf(found))
	}
	return write(stdout, format, outputOf(found))
}

func (o *options) parse(stderr io.Writer) (opts libimage.InspectOptions, format cli.Format, err error) {
	usage := func(flag, message string) error { return errclass.New(errclass.Usage, flag, errors.New(message)) }
	switch {
	case o.kind != "all" && o.kind != "image":
		return opts, format, usage("--type", "--type must be image or all")
	case o.retry < 0 || o.retryDelay < 0:
		return opts, format, usage("--retry-times", "--retry-times and --retry-delay must not be negative")
	case o.format != "" && (o.raw || o.config || o.layers):
		return opts, format, usage("--format", "--format does not go with --raw, --config or --layers")
	}
	if format, err = cli.ParseFormat(o.format); err != nil {
		return opts, format, err
	}
	if opts.Platform, err = o.platform.Platform(); err != nil {
		return opts, format, err
	}
	if opts.Access, err = o.access.Access(stderr); err != nil {
		return opts, format, err
	}
	opts.NoTags = o.noTags || o.raw || o.config || o.layers
	opts.Retry = libimage.Retry{Times: o.retry, Delay: o.retryDelay}
	opts.Store, opts.TempDir = o.globals.Store(), o.tempDir
	return opts, format, nil
}
