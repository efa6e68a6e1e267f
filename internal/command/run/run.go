// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

// Exit codes of our own, beside 125 for whatever else goes wrong.
const (
	codeNotExecutable = 126
	codeNotFound      = 127
)

// New gives the command.
func New() *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use:   "tug-run [OPTION]... IMAGE [COMMAND [ARGUMENT]...]",
		Short: "Run a command in a new container",
	}
	f.register(cmd)
	globals := cli.AddGlobals(cmd)
	images := cli.CompleteImages(globals)
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return images(cmd, args, typed)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		// Before anything else: from now on no signal ends us half-way.
		signals := libexec.CatchSignals()
		options, err := f.options(args)
		if err != nil {
			return err
		}
		libexec.Hasten()
		options.Signals, options.Runtime = signals, globals.Runtime
		options.Puller = f.puller(globals)
		return run(cmd, globals, options)
	}
	return cmd
}

func run(cmd *cobra.Command, globals *cli.Globals, options launch.Options) error {
	if logrus.IsLevelEnabled(logrus.DebugLevel) {
		options.Exec.Debug = func(message string) { logrus.Debug(message) }
	}
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
	case errors.Is(err, libexec.ErrCommandNotFound):
		return &cli.ExitError{Code: codeNotFound, Err: err}
	case errors.Is(err, libexec.ErrCommandNotExecutable):
		return &cli.ExitError{Code: codeNotExecutable, Err: err}
	case err != nil:
		return err
	case exit.Code != 0:
		return &cli.ExitError{Code: exit.Code}
	}
	return nil
}

// puller is the command line of tug-pull: the file beside this one, else
// whatever PATH has.
func (f *flags) puller(globals *cli.Globals) []string {
	const name = "tug-pull"
	path := name
	if self, err := os.Executable(); err == nil {
		if beside := filepath.Join(filepath.Dir(self), name); executable(beside) {
			path = beside
		}
	}
	if found, err := exec.LookPath(path); err == nil {
		path = found
	}
	// Its errors are ours: they have the form that was asked of us.
	args := append([]string{path}, globals.Args()...)
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

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
