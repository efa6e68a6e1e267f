// SPDX-License-Identifier: Apache-2.0

// Package start is the command tug-start.
package start

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/target"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	globals             *cli.Globals
	selection           target.Selection
	attach, interactive bool
	sigProxy            bool
	detachKeys          string
	keys                []byte
	signals             *libexec.Signals
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-start [OPTION]... CONTAINER...",
		Short: "Start containers that are there",
	}
	o.globals = cli.AddGlobals(cmd)
	cmd.ValidArgsFunction = cli.CompleteContainers(o.globals)
	f := cmd.Flags()
	f.BoolVarP(&o.attach, "attach", "a", false, "Stay with the container, and end with its exit code")
	f.BoolVarP(&o.interactive, "interactive", "i", false, "Hand over stdin, with --attach")
	f.BoolVar(&o.selection.All, "all", false, "Start all containers that do not run")
	f.StringArrayVarP(&o.selection.Filters, "filter", "f", nil, "Start the containers for which `KEY=VALUE` holds; can be repeated")
	f.BoolVarP(&o.selection.Latest, "latest", "l", false, "Start the container that was made last")
	f.BoolVar(&o.sigProxy, "sig-proxy", true, "With --attach, pass signals on to the container")
	f.StringVar(&o.detachKeys, "detach-keys", libexec.DefaultDetachKeys, "`KEYS` that leave a container with a terminal running; empty for none")
	cmd.Args = cli.Usage(func(_ *cobra.Command, args []string) error {
		if o.interactive {
			o.attach = true
		}
		if o.attach && (o.selection.All || len(args) > 1) {
			return errors.New("you cannot start and attach multiple containers at once")
		}
		return o.selection.Check(args)
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if o.attach {
			o.signals = libexec.CatchSignals()
			if o.keys, err = launch.DetachKeys(o.detachKeys, f.Changed("detach-keys")); err != nil {
				return err
			}
		}
		return o.run(cmd, args)
	}
	return cmd
}

func (o *options) run(cmd *cobra.Command, args []string) (err error) {
	ctx := cmd.Context()
	store, err := libstorage.Open(ctx, o.globals.Store())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := launch.Sweep(ctx, store); err != nil {
		logrus.Debug("sweep: ", err)
	}
	targets, err := o.selection.Targets(ctx, store, args)
	if err != nil {
		return err
	}
	if o.attach {
		if len(targets) != 1 {
			return errclass.New(errclass.Usage, "", fmt.Errorf("%d containers to attach to", len(targets)))
		}
		return o.stay(ctx, store, &targets[0])
	}
	errs := target.Each(cmd, targets, func(ctx context.Context, t *target.Target) error {
		if err := t.Usable(); err != nil {
			return err
		}
		if t.Info.Record.State() == libstorage.Running {
			if o.selection.All {
				t.Result = ""
			}
			return nil
		}
		_, err := launch.Start(ctx, store, t.Info.Record.ID, o.startOptions())
		return err
	})
	return target.Failure(cmd, errs, launch.Code)
}

func (o *options) startOptions() launch.StartOptions {
	return launch.StartOptions{
		Programs: launch.FindPrograms(o.globals.Args()), Debug: func(message string) { logrus.Debug(message) }, Warn: cli.Warn(),
	}
}

// stay starts one container, and is attached to it from the beginning.
func (o *options) stay(ctx context.Context, store *libstorage.Store, t *target.Target) error {
	if err := t.Usable(); err != nil {
		return err
	}
	s := o.startOptions()
	s.Attach, s.DetachKeys, s.Stdio = true, o.keys, libexec.Stdio{Out: os.Stdout, Err: os.Stderr}
	if o.interactive {
		s.Stdio.In = os.Stdin
	}
	if o.sigProxy {
		s.Signals = o.signals
	}
	exit, err := launch.Start(ctx, store, t.Info.Record.ID, s)
	switch {
	case launch.Code(err) != 0:
		return &cli.ExitError{Code: launch.Code(err), Err: err}
	case err != nil:
		return err
	case exit.Code != 0:
		return &cli.ExitError{Code: exit.Code}
	}
	return nil
}
