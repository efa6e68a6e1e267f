// SPDX-License-Identifier: Apache-2.0

// Package unit is the command tug-unit. Called by systemd as a generator it makes
// units at boot and at each daemon-reload, which everything else waits for: it
// links no store and no runtime.
package unit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/globals"
)

// Main is the program; it gives the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	if dir, user, ok := generatorCall(args); ok {
		return generator(dir, user, stderr)
	}
	cmd := New()
	cmd.SetArgs(args[1:])
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	cmd.SilenceErrors, cmd.SilenceUsage, cmd.DisableFlagsInUseLine = true, true, true
	cmd.CompletionOptions.HiddenDefaultCmd = true
	err := cmd.Execute()
	if err == nil {
		return 0
	}
	report(stderr, cmd.PersistentFlags().Lookup("error-format").Value.String(), err)
	var checked *checkError
	if errors.As(err, &checked) {
		return 1
	}
	return 125
}

// report prints a line for each thing that is wrong.
func report(w io.Writer, format string, err error) {
	class, object := errclass.Of(err)
	if format == "json" {
		_ = json.NewEncoder(w).Encode(struct {
			Class   errclass.Class `json:"class"`
			Object  string         `json:"object"`
			Message string         `json:"message"`
		}{class, object, err.Error()})
		return
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintln(w, "Error: "+line)
	}
}

// options are those of all verbs.
type options struct {
	globals  globals.Options
	user     bool
	programs string
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	var dryRun, check bool
	var failure []string
	cmd := &cobra.Command{
		Use:   "tug-unit COMMAND [OPTION]... [ARGUMENT]...",
		Short: "Make systemd units of container files",
		Args:  cobra.ArbitraryArgs,
	}
	o.globals.Add(cmd)
	cmd.PersistentFlags().BoolVar(&o.user, "user", false, "For the service manager of the user")
	cmd.PersistentFlags().StringVar(&o.programs, "programs", "", "`DIR` of the tug programs that units name (default: where this one is)")
	cmd.Flags().BoolVar(&dryRun, "dryrun", false, "As print: the way that Quadlet has it")
	cmd.Flags().BoolVar(&check, "check", false, "As the command check")
	cmd.Flags().StringArrayVar(&failure, "failure", nil, "Fail with this message: what the unit of a broken file does")
	for _, name := range []string{"dryrun", "check", "failure"} {
		cmd.Flags().Lookup(name).Hidden = true
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case len(failure) > 0:
			return errors.New(strings.Join(append(failure, args...), "\n"))
		case check:
			return o.check(args)
		case dryRun && len(args) == 0:
			return o.print(cmd.OutOrStdout(), nil)
		case len(args) > 0:
			return fmt.Errorf("%s: not a verb of tug-unit", args[0])
		}
		return cmd.Help()
	}
	cmd.AddCommand(o.newCheck(), o.newConvert(), o.newPrint(), o.newInstall(), o.newLs(), o.newRm(), o.newFrom())
	return cmd
}

// args are the options of all programs that the units give to theirs.
func (o *options) args() []string {
	args := o.globals.Args()
	if o.globals.Runtime != "" {
		args = append(args, "--runtime="+o.globals.Runtime)
	}
	return args
}

// dir is where the tug programs are: beside the file that we are, whatever link
// named it.
func (o *options) dir() string {
	if o.programs != "" {
		return o.programs
	}
	self, err := os.Executable()
	if err != nil {
		return "/usr/bin"
	}
	return filepath.Dir(self)
}
