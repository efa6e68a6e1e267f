// SPDX-License-Identifier: Apache-2.0

// Package update is the command tug-update.
package update

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/limits"
	"github.com/tug-containers/tug/internal/target"
	"github.com/tug-containers/tug/libexec/monitor"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	globals *cli.Globals
	limits  limits.Flags
	restart string
	latest  bool
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-update [OPTION]... CONTAINER",
		Short: "Change limits and restart policy of a container",
	}
	o.globals = cli.AddGlobals(cmd)
	cmd.ValidArgsFunction = cli.CompleteContainers(o.globals)
	f := cmd.Flags()
	o.limits.Register(f, 0)
	f.StringVar(&o.restart, "restart", "", "Start the container again when it ends: `POLICY` no, on-failure[:TIMES], always, unless-stopped")
	f.BoolVarP(&o.latest, "latest", "l", false, "Change the container that was made last")
	cmd.Args = cli.Usage(func(cmd *cobra.Command, args []string) error {
		if o.latest {
			return cobra.NoArgs(cmd, args)
		}
		return cobra.ExactArgs(1)(cmd, args)
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		change, err := o.change(f.Changed("restart"))
		if err != nil {
			return err
		}
		return o.run(cmd.Context(), args, change, cmd.OutOrStdout())
	}
	return cmd
}

// change gives what the options do to a configuration.
func (o *options) change(restart bool) (func(*launch.Config) error, error) {
	if !restart && !o.limits.Given() {
		return nil, errclass.New(errclass.Usage, "", errors.New("say what to change"))
	}
	var policy monitor.Restart
	if restart {
		var err error
		if policy, err = launch.ParseRestart(o.restart); err != nil {
			return nil, err
		}
	}
	return func(c *launch.Config) error {
		if restart {
			c.Restart = policy
		}
		return o.limits.Apply(&c.Exec.Resources)
	}, nil
}

func (o *options) run(ctx context.Context, args []string, change func(*launch.Config) error, stdout io.Writer) (err error) {
	where := o.globals.Store()
	where.ContainersOnly = true
	store, err := libstorage.Open(ctx, where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	selection := target.Selection{Latest: o.latest}
	targets, err := selection.Targets(ctx, store, args)
	if err != nil {
		return err
	}
	for i := range targets {
		t := &targets[i]
		if err := t.Usable(); err != nil {
			return err
		}
		if err := launch.Update(ctx, store, &t.Info, change); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(stdout, t.Info.Record.ID); err != nil {
			return err
		}
	}
	return nil
}
