// SPDX-License-Identifier: Apache-2.0

// Package port is the command tug-port: it lists the ports that containers
// publish. In this version no container can publish any, so it finds the
// container, and has nothing to list.
package port

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
)

type options struct{ all, latest bool }

// New makes the command.
func New() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "tug-port [OPTION]... CONTAINER [PORT[/PROTOCOL]]",
		Short: "List the ports that a container publishes",
		Args:  cli.Usage(cobra.MaximumNArgs(2)),
	}
	globals := cli.AddGlobals(cmd)
	cli.Outside(cmd)
	cmd.ValidArgsFunction = cli.CompleteContainers(globals, libstorage.Running)
	cmd.Flags().BoolVarP(&o.all, "all", "a", false, "List the ports of all containers that run")
	cmd.Flags().BoolVarP(&o.latest, "latest", "l", false, "List the ports of the container that was made last")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return run(cmd.Context(), globals.Store(), o, args)
	}
	return cmd
}

func run(ctx context.Context, opts libstorage.Options, o options, args []string) error {
	usage := func(text string) error { return errclass.New(errclass.Usage, "", errors.New(text)) }
	switch {
	case o.all && (o.latest || len(args) > 0):
		return usage("--all takes neither a container nor a port")
	case o.latest && len(args) > 1:
		return usage("--latest takes no container")
	case !o.all && !o.latest && len(args) == 0:
		return usage("you must supply a running container name or id")
	}
	records, err := libstorage.OpenRecords(ctx, opts)
	if err != nil || o.all {
		return err
	}
	var info libstorage.ContainerInfo
	if o.latest {
		info, err = records.Latest(ctx)
	} else {
		info, err = records.Container(ctx, args[0])
		args = args[1:]
	}
	if err == nil {
		err = info.Err
	}
	if err != nil || len(args) == 0 {
		return err
	}
	if err := checkPort(args[0]); err != nil {
		return err
	}
	return errclass.New(errclass.NotFound, args[0], fmt.Errorf("failed to find published port %q", args[0]))
}

func checkPort(text string) error {
	number, protocol, named := strings.Cut(text, "/")
	if n, err := strconv.ParseUint(number, 10, 16); err != nil || n == 0 || named && protocol != "tcp" && protocol != "udp" && protocol != "sctp" {
		return errclass.New(errclass.Usage, text, fmt.Errorf("port %q: must be NUMBER[/PROTOCOL]", text))
	}
	return nil
}
