// SPDX-License-Identifier: Apache-2.0

// Package stop is the command tug-stop: it ends containers.
package stop

import (
	"context"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/target"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	selection target.Selection
	signal    string
	time      target.Seconds
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-stop [OPTION]... CONTAINER...",
		Short: "Stop containers",
	}
	globals := cli.AddGlobals(cmd)
	cmd.ValidArgsFunction = cli.CompleteContainers(globals, libstorage.Running)
	f := cmd.Flags()
	f.BoolVarP(&o.selection.All, "all", "a", false, "Stop all containers that run")
	f.StringArrayVar(&o.selection.CIDFiles, "cidfile", nil, "Stop the container whose ID is in this `FILE`; can be repeated")
	f.StringArrayVarP(&o.selection.Filters, "filter", "f", nil, "Stop the containers for which `KEY=VALUE` holds; can be repeated")
	f.BoolVarP(&o.selection.Ignore, "ignore", "i", false, "A missing container is no error")
	f.BoolVarP(&o.selection.Latest, "latest", "l", false, "Stop the container that was made last")
	f.StringVarP(&o.signal, "signal", "s", "", "`SIGNAL` that asks the container to end (default: as it was made with)")
	o.time.Register(f, "`SECONDS` to wait before the container is killed, -1 for ever (default: as it was made with, 10)")
	cmd.Args = cli.Usage(func(_ *cobra.Command, args []string) error { return o.selection.Check(args) })
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return o.run(cmd, globals.Store(), args) }
	return cmd
}

func (o *options) run(cmd *cobra.Command, where libstorage.Options, args []string) error {
	sig, err := libexec.ParseSignal(o.signal)
	if err != nil {
		return err
	}
	stop := launch.StopOptions{Signal: sig, Timeout: o.time.Limit, Warn: func(message string) { logrus.Warn(message) }}
	return o.selection.Run(cmd, where, args, func(ctx context.Context, store *libstorage.Store, t *target.Target) error {
		if err := t.Usable(); err != nil {
			return err
		}
		return launch.Stop(ctx, store, &t.Info, stop)
	})
}
