// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"fmt"
	"os"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

// NewCreate gives the command tug-create, which takes the options of tug-run.
func NewCreate() *cobra.Command {
	f := &flags{create: true}
	cmd := &cobra.Command{
		Use:   "tug-create [OPTION]... IMAGE [COMMAND [ARGUMENT]...]",
		Short: "Create a container without starting it",
	}
	globals := f.command(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		options, err := f.options(args)
		if err != nil {
			return err
		}
		libexec.Hasten()
		options.Runtime, options.Puller = globals.Runtime, f.puller(globals)
		options.CreateCommand = append([]string{"tug", "create"}, os.Args[1:]...)
		return create(cmd, globals, options)
	}
	return cmd
}

func create(cmd *cobra.Command, globals *cli.Globals, options launch.Options) (err error) {
	if logrus.IsLevelEnabled(logrus.DebugLevel) {
		options.Exec.Debug = func(message string) { logrus.Debug(message) }
	}
	options.Warn = cli.Warn()
	where := globals.Store()
	where.ContainersOnly = true
	store, err := libstorage.Open(cmd.Context(), where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	id, err := launch.Create(cmd.Context(), store, options)
	if errors.Is(err, launch.ErrPull) {
		return &cli.ExitError{Code: 125} // tug-pull has said why
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), id)
	return err
}
