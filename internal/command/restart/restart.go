// SPDX-License-Identifier: Apache-2.0

// Package restart is the command tug-restart.
package restart

import (
	"context"
	"errors"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/target"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	globals   *cli.Globals
	selection target.Selection
	running   bool
	time      target.Seconds
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-restart [OPTION]... CONTAINER...",
		Short: "Stop containers and start them again",
	}
	o.globals = cli.AddGlobals(cmd)
	cmd.ValidArgsFunction = cli.CompleteContainers(o.globals)
	f := cmd.Flags()
	f.BoolVarP(&o.selection.All, "all", "a", false, "Restart all containers, also those that do not run")
	f.BoolVar(&o.running, "running", false, "Restart all containers that run")
	f.StringArrayVar(&o.selection.CIDFiles, "cidfile", nil, "Restart the container whose ID is in this `FILE`; can be repeated")
	f.StringArrayVarP(&o.selection.Filters, "filter", "f", nil, "Restart the containers for which `KEY=VALUE` holds; can be repeated")
	f.BoolVarP(&o.selection.Latest, "latest", "l", false, "Restart the container that was made last")
	o.time.Register(f, "`SECONDS` to wait before the container is killed, -1 for ever (default: as it was made with, 10)")
	cmd.Args = cli.Usage(func(_ *cobra.Command, args []string) error {
		if o.running && o.selection.All {
			return errors.New("--all and --running cannot be used together")
		}
		o.selection.All = o.selection.All || o.running
		return o.selection.Check(args)
	})
	cmd.RunE = o.run
	return cmd
}

func (o *options) run(cmd *cobra.Command, args []string) (err error) {
	ctx := cmd.Context()
	store, err := libstorage.Open(ctx, o.globals.Store())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	targets, err := o.selection.Targets(ctx, store, args)
	if err != nil {
		return err
	}
	if o.running {
		targets = running(targets)
	}
	stop := launch.StopOptions{Timeout: o.time.Limit, Warn: func(message string) { logrus.Warn(message) }}
	start := launch.StartOptions{
		Programs: launch.FindPrograms(o.globals.Args()), Debug: func(message string) { logrus.Debug(message) }, Warn: cli.Warn(),
	}
	errs := target.Each(cmd, targets, func(ctx context.Context, t *target.Target) error {
		if err := t.Usable(); err != nil {
			return err
		}
		return launch.Restart(ctx, store, &t.Info, stop, start)
	})
	return target.Failure(cmd, errs, launch.Code)
}

func running(targets []target.Target) []target.Target {
	var list []target.Target
	for _, t := range targets {
		if t.Info.Err == nil && t.Info.Record.State() == libstorage.Running {
			list = append(list, t)
		}
	}
	return list
}
