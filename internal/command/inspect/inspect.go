// SPDX-License-Identifier: Apache-2.0

// Package inspect is the command tug-inspect: it shows what the store knows of
// an image. For a reference with a transport it becomes tug-inspect-remote,
// which links what reads registries, archives and layouts.
package inspect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	format, kind        string
	raw, config, layers bool
}

// New makes the command.
func New() *cobra.Command { return newCommand(syscall.Exec) }

// become replaces the process, as syscall.Exec does.
type become func(path string, argv, env []string) error

func newCommand(exec become) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "tug-inspect [OPTION]... IMAGE...",
		Short: "Show what is known of images",
		Args:  cli.Usage(cobra.MinimumNArgs(1)),
	}
	globals := cli.AddGlobals(cmd)
	cmd.ValidArgsFunction = cli.CompleteImages(globals)
	f := cmd.Flags()
	f.StringVarP(&o.format, "format", "f", "", "`FORMAT` of the output: json, or a Go template")
	f.StringVar(&o.kind, "type", "all", "`KIND` of object: image, or all")
	f.BoolVar(&o.raw, "raw", false, "Print the manifest as it is stored")
	f.BoolVar(&o.config, "config", false, "Print the image's config; with --raw, as it is stored")
	f.BoolVar(&o.layers, "layers", false, "Show layers with their sizes, as bars on a terminal")
	remoteFlags(f)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		remote, err := o.check(cmd, args)
		if err != nil {
			return err
		}
		if remote {
			return execTwin(cmd, args, exec)
		}
		return run(cmd, globals.Store(), o, args)
	}
	return cmd
}

// check tells whether the image is elsewhere.
func (o options) check(cmd *cobra.Command, args []string) (remote bool, err error) {
	usage := func(flag, text string) error { return errclass.New(errclass.Usage, flag, errors.New(text)) }
	switch o.kind {
	case "all", "image":
	case "container":
		return false, errclass.New(errclass.Unsupported, "--type", errors.New("--type container: containers cannot be inspected yet"))
	default:
		return false, usage("--type", fmt.Sprintf("--type %q: must be image or all", o.kind))
	}
	for _, arg := range args {
		if hasTransport(arg) {
			remote = true
		}
	}
	if remote && len(args) > 1 {
		return false, usage(args[1], "an image with a transport is inspected alone")
	}
	if o.format != "" && (o.raw || o.config || o.layers) {
		return false, usage("--format", "--format does not go with --raw, --config or --layers")
	}
	if flag := remoteFlag(cmd); !remote && flag != "" {
		return false, usage("--"+flag, fmt.Sprintf("--%s: only for an image with a transport, such as docker://%s", flag, args[0]))
	}
	return remote, nil
}

func run(cmd *cobra.Command, opts libstorage.Options, o options, names []string) error {
	format, err := cli.ParseFormat(o.format)
	if err != nil {
		return err
	}
	s, err := libstorage.Open(cmd.Context(), opts)
	if err != nil {
		return err
	}
	defer s.Close()
	switch {
	case o.raw || o.config:
		return each(cmd, s, names, func(id string) error { return printStored(cmd, s, id, o) })
	case o.layers:
		return each(cmd, s, names, func(id string) error { return printLayers(cmd, s, id) })
	}
	list := []imageData{}
	err = each(cmd, s, names, func(id string) error {
		data, err := inspect(cmd.Context(), s, id)
		if err == nil {
			list = append(list, *data)
		}
		return err
	})
	if format.Default() || format.JSON {
		return errors.Join(cli.WriteJSON(cmd.OutOrStdout(), list), err)
	}
	if printErr := cli.Write(cmd.OutOrStdout(), format, list, false); printErr != nil {
		return printErr
	}
	return err
}

// each does something for every image that is there; the error of the last
// one that is not is returned, those before it are reported.
func each(cmd *cobra.Command, s *libstorage.Store, names []string, do func(id string) error) error {
	var last error
	for _, name := range names {
		err := one(cmd.Context(), s, name, do)
		if err == nil {
			continue
		}
		if last != nil {
			cli.Report(cmd, last)
		}
		last = err
	}
	return last
}

func one(ctx context.Context, s *libstorage.Store, name string, do func(id string) error) error {
	img, err := s.Image(ctx, name)
	if errors.Is(err, libstorage.ErrImageUnknown) {
		return errclass.New(errclass.NotFound, name, fmt.Errorf("no such object: %q: %w", name, libstorage.ErrImageUnknown))
	}
	if err != nil {
		return err
	}
	return do(img.ID)
}

// printStored prints the manifest or the config.
func printStored(cmd *cobra.Command, s *libstorage.Store, id string, o options) error {
	if !o.config {
		raw, err := s.Manifest(cmd.Context(), id)
		if err != nil {
			return err
		}
		return write(cmd, raw)
	}
	if o.raw {
		raw, err := s.RawConfig(cmd.Context(), id)
		if err != nil {
			return err
		}
		return write(cmd, raw)
	}
	cfg, err := s.Config(cmd.Context(), id)
	if err != nil {
		return err
	}
	return cli.WriteJSON(cmd.OutOrStdout(), cfg)
}

func write(cmd *cobra.Command, raw []byte) error {
	_, err := cmd.OutOrStdout().Write(raw)
	return err
}

// environ is what the twin gets: it is this command, under another name.
func environ() []string { return os.Environ() }
