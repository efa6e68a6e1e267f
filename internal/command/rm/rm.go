// SPDX-License-Identifier: Apache-2.0

// Package rm is the command tug-rm: it removes containers.
package rm

import (
	"context"
	"errors"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/target"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	selection              target.Selection
	force, volumes, depend bool
	time                   target.Seconds
}

// The exit codes of rm that are not 125.
const (
	exitMissing = 1
	exitInUse   = 2
)

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-rm [OPTION]... CONTAINER...",
		Short: "Remove containers",
	}
	globals := cli.AddGlobals(cmd)
	cmd.ValidArgsFunction = cli.CompleteContainers(globals)
	f := cmd.Flags()
	f.BoolVarP(&o.selection.All, "all", "a", false, "Remove all containers")
	f.StringArrayVar(&o.selection.CIDFiles, "cidfile", nil, "Remove the container whose ID is in this `FILE`; can be repeated")
	f.BoolVar(&o.depend, "depend", false, "Remove those that need the container too; not supported")
	f.StringArrayVar(&o.selection.Filters, "filter", nil, "Remove the containers for which `KEY=VALUE` holds; can be repeated")
	f.BoolVarP(&o.force, "force", "f", false, "End a container that runs; a missing one is no error")
	f.BoolVarP(&o.selection.Ignore, "ignore", "i", false, "A missing container is no error")
	f.BoolVarP(&o.selection.Latest, "latest", "l", false, "Remove the container that was made last")
	o.time.Register(f, "With --force: `SECONDS` to wait before the container is killed, -1 for ever (default: as it was made with, 10)")
	f.BoolVarP(&o.volumes, "volumes", "v", false, "Remove the anonymous volumes of the container too")
	cmd.Args = cli.Usage(func(_ *cobra.Command, args []string) error {
		if o.time.Limit != nil && !o.force {
			return errors.New("--force option must be specified to use the --time option")
		}
		return o.selection.Check(args)
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return o.run(cmd, globals.Store(), args) }
	return cmd
}

func (o *options) run(cmd *cobra.Command, where libstorage.Options, args []string) error {
	if o.depend {
		return errclass.New(errclass.Unsupported, "--depend", errors.New("--depend is not supported by this version"))
	}
	ctx := cmd.Context()
	where.ContainersOnly = true
	store, err := libstorage.Open(ctx, where)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := launch.Sweep(ctx, store); err != nil {
		logrus.Debugf("sweep: %v", err)
	}
	o.selection.Ignore = o.selection.Ignore || o.force
	targets, err := o.selection.Targets(ctx, store, args)
	if err != nil {
		return err
	}
	remove := launch.RemoveOptions{
		Force: o.force, Volumes: o.volumes,
		Stop: launch.StopOptions{Timeout: o.time.Limit, Warn: func(message string) { logrus.Warn(message) }},
	}
	errs := target.Each(cmd, targets, func(ctx context.Context, t *target.Target) error {
		if t.Err != nil {
			return t.Err
		}
		return launch.Remove(ctx, store, &t.Info, remove)
	})
	return target.Failure(cmd, errs, exitCode)
}

func exitCode(err error) int {
	switch {
	case errors.Is(err, libstorage.ErrContainerUnknown):
		return exitMissing
	case errors.Is(err, libstorage.ErrContainerRunning), errors.Is(err, libstorage.ErrContainerLocked):
		return exitInUse
	}
	return 0
}
