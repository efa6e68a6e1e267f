// SPDX-License-Identifier: Apache-2.0

// Package wait is the command tug-wait: it waits for containers.
package wait

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/target"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	selection  target.Selection
	conditions []string
	interval   string
	ignore     bool
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-wait [OPTION]... CONTAINER...",
		Short: "Wait until containers end, and print their exit codes",
	}
	globals := cli.AddGlobals(cmd)
	cmd.ValidArgsFunction = cli.CompleteContainers(globals)
	f := cmd.Flags()
	f.StringArrayVar(&o.conditions, "condition", nil, "`STATE` to wait for; can be repeated (default: stopped, exited)")
	f.BoolVar(&o.ignore, "ignore", false, "Print -1 for a missing container, which is no error")
	f.StringVarP(&o.interval, "interval", "i", "250ms", "`TIME` between two looks: milliseconds, or a duration such as 2s")
	f.BoolVarP(&o.selection.Latest, "latest", "l", false, "Wait for the container that was made last")
	cmd.Args = cli.Usage(func(_ *cobra.Command, args []string) error { return o.selection.Check(args) })
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return o.run(cmd, globals.Store(), args) }
	return cmd
}

func (o *options) run(cmd *cobra.Command, where libstorage.Options, args []string) error {
	for _, condition := range o.conditions {
		if err := launch.CheckCondition(condition); err != nil {
			return err
		}
	}
	if len(o.conditions) == 0 {
		o.conditions = []string{"stopped", "exited"}
	}
	interval, err := parseInterval(o.interval)
	if err != nil {
		return err
	}
	return o.selection.Run(cmd, where, args, func(ctx context.Context, store *libstorage.Store, t *target.Target) error {
		if o.ignore && errors.Is(t.Err, libstorage.ErrContainerUnknown) {
			t.Result = strconv.Itoa(launch.NoCode)
			return nil
		}
		if t.Err != nil {
			return t.Err
		}
		code, err := launch.Await(ctx, store, &t.Info, o.conditions, interval)
		t.Result = strconv.Itoa(code)
		return err
	})
}

// parseInterval reads a number of milliseconds, or a duration.
func parseInterval(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if n, nerr := strconv.ParseUint(text, 10, 31); nerr == nil {
		d, err = time.Duration(n)*time.Millisecond, nil
	}
	if err != nil || d <= 0 {
		return 0, errclass.New(errclass.Usage, "--interval", fmt.Errorf("--interval %q: not a duration", text))
	}
	return d, nil
}
