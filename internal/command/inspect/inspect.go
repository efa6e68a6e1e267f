// SPDX-License-Identifier: Apache-2.0

// Package inspect is the command tug-inspect: it shows what the store knows of
// containers and images. For a reference with a transport it becomes tug-inspect-remote,
// which links what reads registries, archives and layouts.
package inspect

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/volume"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	format, kind        string
	raw, config, layers bool
	size, latest        bool
}

// New makes the command.
func New() *cobra.Command { return newCommand(syscall.Exec) }

// become replaces the process, as syscall.Exec does.
type become func(path string, argv, env []string) error

func newCommand(exec become) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "tug-inspect [OPTION]... CONTAINER|IMAGE...",
		Short: "Show what is known of containers and images",
	}
	globals := cli.AddGlobals(cmd)
	cli.OnlyLooks(cmd)
	cmd.ValidArgsFunction = complete(globals, &o)
	f := cmd.Flags()
	f.StringVarP(&o.format, "format", "f", "", "`FORMAT` of the output: json, or a Go template")
	f.StringVarP(&o.kind, "type", "t", "all", "`KIND` of object: container, image, volume, or all")
	f.BoolVarP(&o.size, "size", "s", false, "Show what containers have written, and that with their images")
	f.BoolVarP(&o.latest, "latest", "l", false, "Show the container that was made last")
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
	case "all", "image", "container", "volume":
	case "network", "pod":
		return false, errclass.New(errclass.Unsupported, "--type", fmt.Errorf("--type %s is not supported by this version", o.kind))
	default:
		return false, usage("--type", fmt.Sprintf("--type %q: must be container, image, volume or all", o.kind))
	}
	switch {
	case o.latest && len(args) > 0:
		return false, usage("--latest", "--latest and names exclude each other")
	case o.latest && o.kind == "image":
		return false, usage("--latest", "--latest is for containers")
	case !o.latest && len(args) == 0:
		return false, usage("", "requires at least 1 arg(s): names of containers or images")
	case o.latest && o.kind == "volume":
		return false, usage("--latest", "--latest is for containers")
	case (o.latest || o.kind == "container" || o.kind == "volume") && (o.raw || o.config || o.layers):
		return false, usage("--raw", "--raw, --config and --layers are for images")
	}
	for _, arg := range args {
		if o.kind != "container" && o.kind != "volume" && hasTransport(arg) {
			remote = true
		}
	}
	if remote && o.size {
		return false, usage("--size", "--size is for containers")
	}
	if remote && len(args) > 1 {
		return false, usage(args[1], "an image with a transport is inspected alone")
	}
	if o.format != "" && (o.raw || o.config || o.layers) {
		return false, usage("--format", "--format does not go with --raw, --config or --layers")
	}
	if flag := remoteFlag(cmd); !remote && flag != "" {
		return false, usage("--"+flag, fmt.Sprintf("--%s: only for an image with a transport, such as docker://NAME", flag))
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
		return each(cmd, names, func(name string) error {
			return onImage(cmd.Context(), s, name, func(id string) error { return printStored(cmd, s, id, o) })
		})
	case o.layers:
		return each(cmd, names, func(name string) error {
			return onImage(cmd.Context(), s, name, func(id string) error { return printLayers(cmd, s, id) })
		})
	}
	objects, err := find(cmd, s, o, names)
	if format.Default() || format.JSON {
		return errors.Join(cli.WriteJSON(cmd.OutOrStdout(), objects), err)
	}
	for _, object := range objects {
		var printErr error
		switch data := object.(type) {
		case *containerData:
			printErr = cli.Write(cmd.OutOrStdout(), format, []containerData{*data}, false)
		case *imageData:
			printErr = cli.Write(cmd.OutOrStdout(), format, []imageData{*data}, false)
		case *volume.Data:
			printErr = cli.Write(cmd.OutOrStdout(), format, []volume.Data{*data}, false)
		}
		if printErr != nil {
			return printErr
		}
	}
	return err
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
