// SPDX-License-Identifier: Apache-2.0

// Package exec is the command tug-exec.
package exec

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/environment"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	globals             *cli.Globals
	container           choice
	detach, interactive bool
	tty, privileged     bool
	preserveFDs         uint
	detachKeys          string
	env, envFiles       []string
	user, workDir       string
	self                self
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-exec [OPTION]... CONTAINER COMMAND [ARGUMENT]...",
		Short: "Run a command in a running container",
	}
	o.globals = cli.AddGlobals(cmd)
	f := cmd.Flags()
	f.SetInterspersed(false)
	o.container.register(f)
	f.BoolVarP(&o.detach, "detach", "d", false, "Return as soon as the command runs, and print an ID of it")
	f.BoolVarP(&o.interactive, "interactive", "i", false, "Hand over stdin")
	f.BoolVarP(&o.tty, "tty", "t", false, "Give the command a terminal")
	f.StringArrayVarP(&o.env, "env", "e", nil, "Environment variable, `NAME=VALUE`, or NAME to take ours; can be repeated")
	f.StringArrayVar(&o.envFiles, "env-file", nil, "Read environment variables from a `FILE`; can be repeated")
	f.StringVarP(&o.user, "user", "u", "", "User, `NAME|UID[:GROUP|GID]` (default: the container's)")
	f.StringVarP(&o.workDir, "workdir", "w", "", "Working directory, a `PATH` in the container (default: the container's)")
	f.BoolVar(&o.privileged, "privileged", false, "Give the command all capabilities")
	f.UintVar(&o.preserveFDs, "preserve-fds", 0, "Hand over this many descriptors from 3 on")
	f.StringVar(&o.detachKeys, "detach-keys", libexec.DefaultDetachKeys, "`KEYS` that leave the command alone, with --tty; empty for none")
	o.self.register(f)
	running := cli.CompleteContainers(o.globals, libstorage.Running)
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return running(cmd, args, typed)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if o.self.hold != "" {
			return holdSession(o.self.hold)
		}
		// Before anything else: from now on no signal ends us half-way.
		signals := libexec.CatchSignals()
		name, args, err := o.container.split(args)
		if err != nil {
			return err
		}
		exec, err := o.parse(cmd, args)
		if err != nil {
			return err
		}
		if o.detach && o.self.session == "" {
			signals.Stop()
			return detached(cmd, exec.Stdio.Extra)
		}
		libexec.Hasten()
		exec.Signals = signals
		return o.run(cmd, name, exec)
	}
	return cmd
}

// parse makes sense of the command line, before anything is looked at.
func (o *options) parse(cmd *cobra.Command, args []string) (libexec.ExecOptions, error) {
	none := libexec.ExecOptions{}
	if len(args) == 0 {
		return none, usage("", errors.New("must provide a non-empty command to start an exec session"))
	}
	if o.preserveFDs > 1<<16 {
		return none, usage("--preserve-fds", fmt.Errorf("--preserve-fds %d: too many", o.preserveFDs))
	}
	var keys []byte
	if given := cmd.Flags().Changed("detach-keys"); given || o.tty {
		var err error
		if keys, err = launch.DetachKeys(o.detachKeys, given); err != nil {
			return none, err
		}
	}
	env, err := environment.Read(o.envFiles, o.env, os.Environ)
	if err != nil {
		return none, err
	}
	exec := libexec.ExecOptions{
		Process: libexec.ExecProcess{
			Args: args, Env: env, User: o.user, WorkDir: o.workDir, Privileged: o.privileged, Terminal: o.tty,
		},
		Stdio:   libexec.Stdio{Out: os.Stdout, Err: os.Stderr},
		Session: o.self.session, Detach: o.detach, DetachKeys: keys,
	}
	if o.interactive {
		exec.Stdio.In = os.Stdin
	}
	if o.tty {
		if size := libexec.TerminalSize(exec.Stdio.In, exec.Stdio.Out); size != nil {
			exec.Process.ConsoleWidth, exec.Process.ConsoleHeight = size.Width, size.Height
		}
	}
	exec.Stdio.Extra, err = libexec.InheritedFiles(int(o.preserveFDs))
	return exec, err
}

// failed is the exit code when a command was not run in a container that is there,
// as podman has it.
const failed = 255

func (o *options) run(cmd *cobra.Command, name string, exec libexec.ExecOptions) error {
	store, err := libstorage.OpenRecords(cmd.Context(), o.globals.Store())
	if err != nil {
		return err
	}
	container, err := o.container.find(cmd.Context(), store, name)
	if err != nil {
		return err
	}
	holder := launch.Holder{Running: report(exec.Stdio.Extra), Start: startHolder}
	if exec.Session == "" {
		exec.Session = launch.NewSession()
	}
	// A signal must reach the command once, and as what it is.
	exit, err := launch.Exec(context.WithoutCancel(cmd.Context()), store, container, exec, holder)
	switch {
	case launch.Code(err) != 0:
		return &cli.ExitError{Code: launch.Code(err), Err: err}
	case err != nil && !o.detach:
		return &cli.ExitError{Code: failed, Err: err}
	case err == nil && exit.Code != 0:
		return &cli.ExitError{Code: exit.Code}
	}
	return err
}
