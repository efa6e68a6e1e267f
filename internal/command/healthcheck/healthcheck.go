// SPDX-License-Identifier: Apache-2.0

// Package healthcheck is the command tug-healthcheck.
package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/life"
	"github.com/tug-containers/tug/internal/sdnotify"
	"github.com/tug-containers/tug/libstorage"
)

// codeUnhealthy is the exit code for a container that is not well.
const codeUnhealthy = 1

// New makes the command.
func New() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tug-healthcheck COMMAND [OPTION]... CONTAINER",
		Short: "Run the health check of a container",
		Args: cli.Usage(func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("say run or watch, and a container")
			}
			return fmt.Errorf("unknown command %q: say run or watch", args[0])
		}),
		RunE: func(*cobra.Command, []string) error {
			return errors.New("internal error: a healthcheck command without a name")
		},
	}
	cmd.CompletionOptions.DisableDefaultCmd = true
	globals := cli.AddGlobals(cmd)
	run := &cobra.Command{
		Use:   "run [OPTION]... CONTAINER",
		Short: "Run the health check of a container once",
		Args:  cli.Usage(cobra.ExactArgs(1)),
	}
	run.DisableFlagsInUseLine = true
	run.ValidArgsFunction = cli.CompleteContainers(globals, libstorage.Running)
	run.RunE = func(cmd *cobra.Command, args []string) error {
		healthy, err := check(cmd.Context(), globals, args[0])
		if err != nil || healthy {
			return err
		}
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), life.Unhealthy); err != nil {
			return err
		}
		return &cli.ExitError{Code: codeUnhealthy}
	}
	watch := &cobra.Command{
		Use:   "watch [OPTION]... CONTAINER",
		Short: "Run the health check of a container that is a service, until that ends",
		Args:  cli.Usage(cobra.ExactArgs(1)),
	}
	watch.DisableFlagsInUseLine = true
	watch.ValidArgsFunction = cli.CompleteContainers(globals, libstorage.Running)
	watch.RunE = func(cmd *cobra.Command, args []string) error {
		socket := os.Getenv(sdnotify.Env)
		if err := os.Unsetenv(sdnotify.Env); err != nil {
			return err
		}
		warn := func(message string) { logrus.Warn(message) }
		return open(cmd.Context(), globals, args[0], func(store *libstorage.Store, c *libstorage.ContainerInfo, programs launch.Programs) error {
			return launch.Watch(cmd.Context(), store, c, socket, programs, warn)
		})
	}
	cmd.AddCommand(run, watch)
	return cmd
}

func check(ctx context.Context, globals *cli.Globals, name string) (healthy bool, err error) {
	err = open(ctx, globals, name, func(store *libstorage.Store, c *libstorage.ContainerInfo, programs launch.Programs) error {
		healthy, err = launch.CheckHealth(ctx, store, c, programs)
		return err
	})
	return healthy, err
}

func open(ctx context.Context, globals *cli.Globals, name string, use func(*libstorage.Store, *libstorage.ContainerInfo, launch.Programs) error) (err error) {
	where := globals.Store()
	where.ContainersOnly = true
	store, err := libstorage.Open(ctx, where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	container, err := store.Container(ctx, name)
	if err != nil {
		return err
	}
	return use(store, &container, launch.FindPrograms(globals.Args()))
}
