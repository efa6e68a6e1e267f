// SPDX-License-Identifier: Apache-2.0

// Package cleanup is the command tug-cleanup.
package cleanup

import (
	"errors"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

// New makes the command.
func New() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tug-cleanup [OPTION]... CONTAINER...",
		Short: "Unmount what containers that have ended still have mounted",
		Args:  cli.Usage(cobra.MinimumNArgs(1)),
	}
	var ignore, service bool
	globals := cli.AddGlobals(cmd)
	cmd.Flags().BoolVarP(&ignore, "ignore", "i", false, "A container that is not there is no error")
	cmd.Flags().BoolVar(&service, "service", false, "Note the end of a container that was the main process of this service, as the manager tells it in ExecStopPost=")
	cmd.ValidArgsFunction = cli.CompleteContainers(globals)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		ctx := cmd.Context()
		var code *int
		if service {
			code = serviceExit(os.Getenv)
		}
		store, err := libstorage.Open(ctx, globals.Store())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		for _, name := range args {
			info, cerr := store.Container(ctx, name)
			if cerr == nil {
				cerr = launch.Cleanup(ctx, store, info.Record.ID, code)
			}
			if ignore && errors.Is(cerr, libstorage.ErrContainerUnknown) {
				cerr = nil
			}
			if cerr != nil && err != nil {
				cli.Report(cmd, err)
			}
			if cerr != nil {
				err = cerr
			}
		}
		return err
	}
	return cmd
}

// serviceExit is how the main process of the service ended, from EXIT_CODE and
// EXIT_STATUS of systemd.exec(5); nil when that does not say.
func serviceExit(getenv func(string) string) *int {
	status := getenv("EXIT_STATUS")
	switch getenv("EXIT_CODE") {
	case "exited":
		if code, err := strconv.Atoi(status); err == nil && code >= 0 && code < 256 {
			return &code
		}
	case "killed", "dumped":
		if sig, err := libexec.ParseSignal(status); err == nil && sig != 0 {
			code := 128 + int(sig)
			return &code
		}
	}
	return nil
}
