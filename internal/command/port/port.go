// SPDX-License-Identifier: Apache-2.0

// Package port is the command tug-port: it lists the ports that containers
// publish.
package port

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libexec/network"
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
		return run(cmd.Context(), cmd.OutOrStdout(), globals.Store(), o, args)
	}
	return cmd
}

func run(ctx context.Context, w io.Writer, opts libstorage.Options, o options, args []string) error {
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
	if err != nil {
		return err
	}
	if o.all {
		return listAll(ctx, w, records)
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
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return list(w, "", launch.Published(records, &info))
	}
	want, err := parsePort(args[0])
	if err != nil {
		return err
	}
	var found []string
	for _, p := range launch.Published(records, &info) {
		for _, one := range p.Each() {
			if one.Target() == want {
				found = append(found, one.HostPort())
			}
		}
	}
	if len(found) > 0 {
		_, err := fmt.Fprintln(w, strings.Join(found, "\n"))
		return err
	}
	return errclass.New(errclass.NotFound, args[0], fmt.Errorf("failed to find published port %q", args[0]))
}

// listAll lists those of all containers that run.
func listAll(ctx context.Context, w io.Writer, records *libstorage.Records) error {
	all, err := records.Containers(ctx)
	if err != nil {
		return err
	}
	for i := range all {
		if err := list(w, all[i].Record.ID[:min(12, len(all[i].Record.ID))]+"\t", launch.Published(records, &all[i])); err != nil {
			return err
		}
	}
	return nil
}

func list(w io.Writer, head string, ports []network.Port) error {
	var text strings.Builder
	for _, p := range ports {
		for _, one := range p.Each() {
			text.WriteString(head + one.Target() + " -> " + one.HostPort() + "\n")
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// parsePort gives a port as Target has it.
func parsePort(text string) (string, error) {
	number, protocol, named := strings.Cut(text, "/")
	if n, err := strconv.ParseUint(number, 10, 16); err != nil || n == 0 || named && protocol != "tcp" && protocol != "udp" && protocol != "sctp" {
		return "", errclass.New(errclass.Usage, text, fmt.Errorf("port %q: must be NUMBER[/PROTOCOL]", text))
	}
	if !named {
		protocol = "tcp"
	}
	return number + "/" + protocol, nil
}
