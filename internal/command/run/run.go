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

// New gives the command.
func New() *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use:   "tug-run [OPTION]... IMAGE [COMMAND [ARGUMENT]...]",
		Short: "Run a command in a new container",
	}
	globals := f.command(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		// Before anything else: from now on no signal ends us half-way.
		signals := libexec.CatchSignals()
		options, err := f.options(args)
		if err != nil {
			return err
		}
		libexec.Hasten()
		options.Runtime, options.Puller, options.Programs = globals.Runtime, f.puller(globals), launch.FindPrograms(globals.Args())
		options.CreateCommand = append([]string{"tug", "run"}, os.Args[1:]...)
		if options.Detach {
			options.OnStart = func(id string) { fmt.Fprintln(cmd.OutOrStdout(), id) }
		}
		if f.live.sigProxy {
			options.Signals = signals
		}
		return run(cmd, globals, options)
	}
	return cmd
}

// command adds all options to a command.
func (f *flags) command(cmd *cobra.Command) *cli.Globals {
	f.register(cmd)
	globals := cli.AddGlobals(cmd)
	complete(cmd, globals)
	images := cli.CompleteImages(globals)
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return images(cmd, args, typed)
	}
	return globals
}

func run(cmd *cobra.Command, globals *cli.Globals, options launch.Options) error {
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
	exit, err := launch.Run(cmd.Context(), store, options)
	err = errors.Join(err, store.Close())
	switch {
	case errors.Is(err, launch.ErrPull):
		return &cli.ExitError{Code: 125} // tug-pull has said why
	case launch.Code(err) != 0:
		return &cli.ExitError{Code: launch.Code(err), Err: err}
	case err != nil:
		return err
	case exit.Code != 0:
		return &cli.ExitError{Code: exit.Code}
	}
	return nil
}

// puller is the command line of tug-pull.
func (f *flags) puller(globals *cli.Globals) []string {
	args := append([]string{launch.Sibling("pull")}, globals.Args()...)
	// Its errors are ours: they have the form that was asked of us.
	args = append(args, "--error-format="+globals.ErrorFormat)
	if f.quiet {
		args = append(args, "--quiet")
	}
	for _, name := range []string{"authfile", "creds", "cert-dir", "tls-verify"} {
		if flag := f.set.Lookup(name); flag.Changed {
			args = append(args, "--"+name+"="+flag.Value.String())
		}
	}
	return args
}
