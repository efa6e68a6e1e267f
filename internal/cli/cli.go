// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/globals"
	"github.com/tug-containers/tug/internal/userns"
	"github.com/tug-containers/tug/libstorage"
)

// Globals are the options that every command takes.
type Globals struct{ globals.Options }

// Store gives the storage part of the options.
func (g *Globals) Store() libstorage.Options {
	return libstorage.Options{
		Root: g.Root, RunRoot: g.RunRoot,
		Driver: g.StorageDriver, DriverOptions: g.StorageOpts,
	}
}

// AddGlobals adds the global flags to a command.
func AddGlobals(cmd *cobra.Command) *Globals {
	g := &Globals{}
	g.Add(cmd)
	return g
}

// Main runs a command with the arguments of the process and exits.
func Main(cmd *cobra.Command) {
	userns.Hold()
	os.Exit(Run(interruptible(), cmd, os.Args[1:], os.Stdout, os.Stderr))
}

// Run runs a command and gives its exit code.
func Run(ctx context.Context, cmd *cobra.Command, args []string, stdout, stderr io.Writer) int {
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.DisableFlagsInUseLine = true // Use says where they go
	cmd.CompletionOptions.HiddenDefaultCmd = true
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return errclass.New(errclass.Usage, "", err)
	})
	cmd.PersistentPreRunE = func(c *cobra.Command, _ []string) error {
		err := setUp(c, stderr)
		if err == nil {
			go watchLocks(c, stderr, errorFormat(cmd, args))
		}
		return err
	}
	err := cmd.ExecuteContext(ctx)
	if err != nil {
		report(stderr, errorFormat(cmd, args), err)
	}
	return exitCode(ctx, Style(cmd.Annotations[styleAnnotation]), err)
}

// exitCode is ExitCode, but a failure after a signal is the signal's. A command
// that chose a code has reacted to the signal itself.
func exitCode(ctx context.Context, style Style, err error) int {
	var exit *ExitError
	if caught := signalled(0); err != nil && !errors.As(err, &exit) && errors.As(context.Cause(ctx), &caught) {
		return 128 + int(caught)
	}
	return ExitCode(style, err)
}

func setUp(cmd *cobra.Command, stderr io.Writer) error {
	logrus.SetOutput(stderr)
	if f := cmd.Flags().Lookup("error-format"); f != nil && f.Value.String() != "text" && f.Value.String() != "json" {
		return errclass.New(errclass.Usage, "--error-format", fmt.Errorf("--error-format %q: must be text or json", f.Value))
	}
	f := cmd.Flags().Lookup("log-level")
	if f == nil {
		return nil
	}
	level, err := logrus.ParseLevel(f.Value.String())
	if err != nil {
		return errclass.New(errclass.Usage, "--log-level", fmt.Errorf("--log-level %q: not a log level", f.Value))
	}
	logrus.SetLevel(level)
	return enter(cmd)
}

// errorFormat looks at the arguments too: a flag that could not be parsed
// stops the parser before it reaches --error-format.
func errorFormat(cmd *cobra.Command, args []string) string {
	if f := cmd.PersistentFlags().Lookup("error-format"); f != nil && f.Changed {
		return f.Value.String()
	}
	for i, arg := range args {
		if arg == "--error-format=json" || (arg == "--error-format" && i+1 < len(args) && args[i+1] == "json") {
			return "json"
		}
	}
	return "text"
}

// Warn gives what libraries tell warnings to, or nil when nobody wants to hear
// them.
func Warn() func(message string) {
	if !logrus.IsLevelEnabled(logrus.WarnLevel) {
		return nil
	}
	return func(message string) { logrus.Warn(message) }
}

// signalled is the cause of a context that a signal ended.
type signalled syscall.Signal

func (s signalled) Error() string { return "ended by signal: " + syscall.Signal(s).String() }

// Enough is the end of a command that shows what happens until the user has
// seen enough: the code of the signal, and nothing printed.
func Enough(ctx context.Context) error {
	cause := context.Cause(ctx)
	if caught := signalled(0); errors.As(cause, &caught) {
		return &ExitError{Code: 128 + int(caught)}
	}
	return cause
}

// interruptible gives a context that the first SIGINT, SIGTERM or SIGHUP
// cancels. A second one has its default effect, unless the command listens too.
func interruptible() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		if sig, ok := (<-signals).(syscall.Signal); ok {
			signal.Stop(signals)
			cancel(signalled(sig))
		}
	}()
	return ctx
}

// Verb is the verb that the process was started as: "pull" for a file or a
// link called tug-pull.
func Verb() string {
	return strings.TrimPrefix(filepath.Base(os.Args[0]), "tug-")
}
