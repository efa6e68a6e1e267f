// SPDX-License-Identifier: Apache-2.0

// Package top is the command tug-top: it shows the processes of a container. It
// reads /proc of the host, and starts no program, least of all one of the image.
package top

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/status"
	"github.com/tug-containers/tug/libstorage"
)

// New makes the command.
func New() *cobra.Command {
	var latest bool
	cmd := &cobra.Command{
		Use:   "tug-top [OPTION]... CONTAINER [COLUMN]...",
		Short: "Show the processes of a container",
	}
	globals := cli.AddGlobals(cmd)
	cli.Outside(cmd)
	cmd.ValidArgsFunction = complete(globals, &latest)
	cmd.Flags().BoolVarP(&latest, "latest", "l", false, "Show the processes of the container that was made last")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return run(cmd, globals.Store(), latest, args) }
	return cmd
}

func run(cmd *cobra.Command, opts libstorage.Options, latest bool, args []string) error {
	if !latest && len(args) == 0 {
		return errclass.New(errclass.Usage, "", errors.New("you must provide the name or id of a running container"))
	}
	records, err := libstorage.OpenRecords(cmd.Context(), opts)
	if err != nil {
		return err
	}
	info, args, err := find(cmd.Context(), records, latest, args)
	if err != nil {
		return err
	}
	columns, err := parseColumns(args)
	if err != nil {
		return err
	}
	if !status.Of(&info).Lives() {
		return errclass.New(errclass.Conflict, info.Record.ID, fmt.Errorf("container %s: top can only be used on running containers", info.Record.ID))
	}
	processes, err := list(&info)
	if err != nil {
		return fmt.Errorf("container %s: %w", info.Record.ID, err)
	}
	t := cli.Table{}
	for _, c := range columns {
		t.Heading = append(t.Heading, c.heading)
	}
	for _, p := range processes {
		var cells []string
		for _, c := range columns {
			cells = append(cells, c.cell(p))
		}
		t.Add(cells...)
	}
	return t.Write(cmd.OutOrStdout())
}

func find(ctx context.Context, records *libstorage.Records, latest bool, args []string) (info libstorage.ContainerInfo, rest []string, err error) {
	if latest {
		info, err = records.Latest(ctx)
	} else {
		info, err = records.Container(ctx, args[0])
		args = args[1:]
	}
	if err == nil {
		err = info.Err
	}
	return info, args, err
}

// parseColumns reads what is to be shown: words, or lists with commas.
func parseColumns(args []string) ([]column, error) {
	if len(args) == 0 {
		args = []string{"user,pid,ppid,pcpu,etime,tty,time,args"}
	}
	known := columns()
	var chosen []column
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") || arg == "aux" {
			return nil, errclass.New(errclass.Unsupported, arg, fmt.Errorf("%q: options of ps(1) are not supported: name columns, such as pid user args", arg))
		}
		for name := range strings.SplitSeq(arg, ",") {
			c, ok := known[name]
			if !ok {
				return nil, errclass.New(errclass.Usage, name, fmt.Errorf("unknown column %q: must be one of %s", name, strings.Join(names(), ", ")))
			}
			chosen = append(chosen, c)
		}
	}
	return chosen, nil
}

func complete(globals *cli.Globals, latest *bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if !*latest && len(args) == 0 {
			return cli.CompleteContainers(globals, libstorage.Running)(cmd, args, typed)
		}
		var found []string
		for _, name := range names() {
			if strings.HasPrefix(name, typed) {
				found = append(found, name)
			}
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}
