// SPDX-License-Identifier: Apache-2.0

// Package kill is the command tug-kill: it sends signals to containers.
package kill

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/target"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	selection target.Selection
	signal    string
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-kill [OPTION]... CONTAINER...",
		Short: "Send a signal to containers",
	}
	globals := cli.AddGlobals(cmd)
	cmd.ValidArgsFunction = cli.CompleteContainers(globals, libstorage.Running)
	f := cmd.Flags()
	f.BoolVarP(&o.selection.All, "all", "a", false, "Send it to all containers that run")
	f.StringArrayVar(&o.selection.CIDFiles, "cidfile", nil, "Send it to the container whose ID is in this `FILE`; can be repeated")
	f.BoolVarP(&o.selection.Latest, "latest", "l", false, "Send it to the container that was made last")
	f.StringVarP(&o.signal, "signal", "s", "KILL", "`SIGNAL` to send, a name or a number")
	cmd.Args = cli.Usage(func(_ *cobra.Command, args []string) error { return o.selection.Check(args) })
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return o.run(cmd, globals.Store(), args) }
	return cmd
}

func (o *options) run(cmd *cobra.Command, where libstorage.Options, args []string) error {
	sig, err := libexec.ParseSignal(o.signal)
	if err == nil && sig == 0 {
		err = errclass.New(errclass.Usage, "--signal", errors.New("an empty signal"))
	}
	if err != nil {
		return err
	}
	return o.selection.Run(cmd, where, args, func(ctx context.Context, store *libstorage.Store, t *target.Target) error {
		if t.Err != nil {
			return t.Err
		}
		return launch.Kill(ctx, store, &t.Info, sig)
	})
}
