// SPDX-License-Identifier: Apache-2.0

// Package gc is the command tug-gc: it removes what killed commands left.
package gc

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libstorage"
)

// row is what --format sees of one thing.
type row struct {
	Kind string
	Name string
	Why  string
}

// New makes the command.
func New() *cobra.Command {
	var dryRun, reset, force bool
	var form string
	cmd := &cobra.Command{
		Use:   "tug-gc [OPTION]...",
		Short: "Remove what belongs to nobody",
		Args:  cli.Usage(cobra.NoArgs),
	}
	globals := cli.AddGlobals(cmd)
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	f := cmd.Flags()
	f.BoolVarP(&dryRun, "dry-run", "n", false, "Say what would be removed, and remove nothing")
	f.BoolVarP(&force, "force", "f", false, "With --reset: do not ask, and end what runs")
	f.BoolVar(&reset, "reset", false, "Remove all containers, volumes, networks and images of the store, and the store")
	f.StringVar(&form, "format", "", "`FORMAT` of the output: json, a Go template, or table TEMPLATE")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		format, err := cli.ParseFormat(form)
		if err != nil {
			return err
		}
		switch {
		case force && !reset:
			return errclass.New(errclass.Usage, "--force", errors.New("--force goes with --reset"))
		case reset && (dryRun || form != ""):
			return errclass.New(errclass.Usage, "--reset", errors.New("--reset goes with neither --dry-run nor --format"))
		case reset:
			return resetStore(cmd, globals.Store(), force)
		}
		return run(cmd, globals.Store(), format, dryRun)
	}
	return cmd
}

func run(cmd *cobra.Command, opts libstorage.Options, format cli.Format, dryRun bool) (err error) {
	store, err := libstorage.Open(cmd.Context(), opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	found, err := launch.Collect(cmd.Context(), store, dryRun)
	rows := make([]row, 0, len(found))
	for _, l := range found {
		rows = append(rows, row{l.Kind, l.Name, l.Why})
	}
	return errors.Join(show(cmd, format, rows), err)
}

func show(cmd *cobra.Command, format cli.Format, rows []row) error {
	stdout := cmd.OutOrStdout()
	switch {
	case format.JSON:
		return cli.WriteJSON(stdout, rows)
	case !format.Default():
		return cli.Write(stdout, format, rows, true)
	}
	for _, r := range rows {
		if _, err := fmt.Fprintf(stdout, "%s %s: %s\n", r.Kind, cli.Printable(r.Name), r.Why); err != nil {
			return err
		}
	}
	return nil
}
