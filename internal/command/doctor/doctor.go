// SPDX-License-Identifier: Apache-2.0

// Package doctor is the command tug-doctor: what this machine lacks for
// containers, and how to mend it.
package doctor

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/doctor"
)

// New makes the command.
func New() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "tug-doctor [OPTION]...",
		Short:             "Say what this machine lacks for containers, and what mends it",
		Args:              cli.Usage(noneOrTrial),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	globals := cli.AddGlobals(cmd)
	cli.Outside(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print a JSON array")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 && args[1] == doctor.TrialRuntime {
			// A user's runtime runs in the user's namespace.
			if err := cli.Enter(cmd); err != nil {
				return err
			}
		}
		view := doctor.New(doctor.Options{
			Store: globals.Store(), Runtime: globals.Runtime, Getenv: os.Getenv, Environ: os.Environ(),
			Globals: globals.Args(),
		})
		if len(args) > 0 {
			return view.Trial(cmd.Context(), args[1:])
		}
		found := doctor.Examine(cmd.Context(), view)
		if err := show(cmd.OutOrStdout(), found, asJSON); err != nil {
			return err
		}
		return verdict(doctor.Worst(found))
	}
	return cmd
}

// noneOrTrial lets the process through that we start for a trial.
func noneOrTrial(cmd *cobra.Command, args []string) error {
	if len(args) > 0 && args[0] == doctor.TrialVerb {
		return nil
	}
	return cobra.NoArgs(cmd, args)
}

// verdict is the exit code of the worst state.
func verdict(worst doctor.State) error {
	switch worst {
	case doctor.Limited:
		return &cli.ExitError{Code: 1}
	case doctor.Broken:
		return &cli.ExitError{Code: 2}
	}
	return nil
}

func show(w io.Writer, found []doctor.Finding, asJSON bool) error {
	if asJSON {
		return cli.WriteJSON(w, found)
	}
	for _, f := range found {
		mend := ""
		if f.Command != "" {
			mend = " -> " + f.Command
		}
		if _, err := fmt.Fprintf(w, "%-7s  %-15s  %s%s\n", f.State, f.Check, cli.Printable(f.Text), cli.Printable(mend)); err != nil {
			return err
		}
	}
	return nil
}
