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
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	globals               *cli.Globals
	attach, interactive   bool
	all, latest, sigProxy bool
	detachKeys            string
	signals               *libexec.Signals
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
	f.BoolVar(&o.all, "all", false, "Start all containers that do not run")
	f.BoolVarP(&o.latest, "latest", "l", false, "Start the container that was created last")
	f.BoolVar(&o.sigProxy, "sig-proxy", true, "With --attach, pass signals on to the container")
	f.StringVar(&o.detachKeys, "detach-keys", libexec.DefaultDetachKeys, "`KEYS` that leave a container with a terminal running; empty for none")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if o.interactive {
			o.attach = true
		}
		if o.attach {
			o.signals = libexec.CatchSignals()
		}
		return o.run(cmd, args)
	}
	return cmd
}

func usage(format string, args ...any) error {
	return errclass.New(errclass.Usage, "", fmt.Errorf(format, args...))
}

func (o *options) run(cmd *cobra.Command, args []string) (err error) {
	ctx := cmd.Context()
	switch {
	case (o.all || o.latest) && len(args) > 0 || o.all && o.latest:
		return usage("--all, --latest and names exclude each other")
	case !o.all && !o.latest && len(args) == 0:
		return usage("no container given")
	case o.attach && (o.all || len(args) > 1):
		return usage("--attach: one container at a time")
	}
	store, err := libstorage.Open(ctx, o.globals.Store())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := launch.Sweep(ctx, store); err != nil {
		logrus.Debug("sweep: ", err)
	}
	names, err := o.names(ctx, store, args)
	if err != nil {
		return err
	}
	var failed error
	for _, name := range names {
		if err := o.start(cmd, store, name); err != nil {
			if failed != nil {
				cli.Report(cmd, failed)
			}
			failed = err
		}
	}
	return failed
}

// names gives what was named on the command line, or by --all or --latest.
func (o *options) names(ctx context.Context, store *libstorage.Store, args []string) ([]string, error) {
	if !o.all && !o.latest {
		return args, nil
	}
	list, err := store.Containers(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range list {
		if state := list[i].Record.State(); o.all && list[i].Err == nil && state != libstorage.Running && !list[i].Monitored() {
			names = append(names, list[i].Record.ID)
		}
	}
	if o.latest {
		newest := -1
		for i := range list {
			if newest < 0 || list[i].Record.Created.After(list[newest].Record.Created) {
				newest = i
			}
		}
		if newest < 0 {
			return nil, errclass.New(errclass.NotFound, "--latest", errors.New("there is no container"))
		}
		names = []string{list[newest].Record.ID}
	}
	return names, nil
}

func (o *options) start(cmd *cobra.Command, store *libstorage.Store, name string) error {
	ctx := cmd.Context()
	info, err := store.Container(ctx, name)
	if err != nil {
		return err
	}
	if !o.attach && info.Record.State() == libstorage.Running {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), name)
		return err
	}
	s := launch.StartOptions{Programs: launch.FindPrograms(cli.Sibling, o.globals.Args()), Attach: o.attach}
	if logrus.IsLevelEnabled(logrus.DebugLevel) {
		s.Debug = func(message string) { logrus.Debug(message) }
	}
	if o.attach {
		if s.DetachKeys, err = libexec.ParseDetachKeys(o.detachKeys); err != nil {
			return err
		}
		s.Stdio = libexec.Stdio{Out: os.Stdout, Err: os.Stderr}
		if o.interactive {
			s.Stdio.In = os.Stdin
		}
		if o.sigProxy {
			s.Signals = o.signals
		}
	}
	exit, err := launch.Start(ctx, store, info.Record.ID, s)
	switch {
	case launch.Code(err) != 0:
		return &cli.ExitError{Code: launch.Code(err), Err: err}
	case err != nil:
		return err
	case exit.Code != 0:
		return &cli.ExitError{Code: exit.Code}
	case o.attach:
		return nil
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), name)
	return err
}
