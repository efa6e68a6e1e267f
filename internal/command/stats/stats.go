// SPDX-License-Identifier: Apache-2.0

// Package stats is the command tug-stats: it shows what containers use of the
// host, as their cgroups count it.
package stats

import (
	"bytes"
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
	"golang.org/x/term"
)

type options struct {
	all, latest, noReset, noStream, noTrunc bool
	format                                  string
	interval                                uint
}

// New makes the command.
func New() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "tug-stats [OPTION]... [CONTAINER]...",
		Short: "Show what containers use of the host",
	}
	globals := cli.AddGlobals(cmd)
	cli.Outside(cmd)
	cmd.ValidArgsFunction = cli.CompleteContainers(globals, libstorage.Running)
	f := cmd.Flags()
	f.BoolVarP(&o.all, "all", "a", false, "Show all containers, not only those that run")
	f.StringVar(&o.format, "format", "", "`FORMAT` of the output: json, a Go template, or table TEMPLATE")
	f.UintVarP(&o.interval, "interval", "i", 5, "`SECONDS` from one look to the next")
	f.BoolVarP(&o.latest, "latest", "l", false, "Show the container that was made last")
	f.BoolVar(&o.noReset, "no-reset", false, "Do not clear the terminal between two looks")
	f.BoolVar(&o.noStream, "no-stream", false, "Look once")
	f.BoolVar(&o.noTrunc, "no-trunc", false, "Show whole IDs")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return run(cmd, globals.Store(), o, args) }
	return cmd
}

func run(cmd *cobra.Command, opts libstorage.Options, o options, names []string) error {
	format, err := cli.ParseFormat(o.format)
	if err != nil {
		return err
	}
	format.Names = headings()
	usage := func(flag, text string) error { return errclass.New(errclass.Usage, flag, errors.New(text)) }
	switch {
	case len(names) > 0 && (o.all || o.latest), o.all && o.latest:
		return usage("--all", "--all, --latest and names of containers exclude each other")
	case o.interval == 0:
		return usage("--interval", "--interval: must be at least 1")
	}
	records, err := libstorage.OpenRecords(cmd.Context(), opts)
	if err != nil {
		return err
	}
	w := &watch{records: records, o: o, names: names, before: map[string]sample{}}
	if err := w.resolve(cmd.Context()); err != nil {
		return err
	}
	return w.show(cmd, format)
}

// show prints what is seen, until the user has seen enough.
func (w *watch) show(cmd *cobra.Command, format cli.Format) error {
	out := cmd.OutOrStdout()
	f, ok := out.(*os.File)
	const home = "\x1b[H\x1b[2J"
	live := ok && term.IsTerminal(int(f.Fd())) && !w.o.noReset && !w.o.noStream && !format.JSON
	for {
		rows, err := w.look(cmd.Context())
		if err != nil {
			return err
		}
		var screen bytes.Buffer
		if live {
			screen.WriteString(home)
		}
		if err := print(&screen, rows, format); err != nil {
			return err
		}
		if _, err := screen.WriteTo(out); err != nil || w.o.noStream {
			return err
		}
		if len(w.ids) > 0 && len(rows) == 0 {
			return nil // those that were asked for are gone
		}
		select {
		case <-cmd.Context().Done():
			return cli.Enough(cmd.Context())
		case <-time.After(time.Duration(w.o.interval) * time.Second):
		}
	}
}

// resolve finds the containers that were asked for.
func (w *watch) resolve(ctx context.Context) error {
	if w.o.latest {
		info, err := w.records.Latest(ctx)
		w.ids = append(w.ids, info.Record.ID)
		return err
	}
	for _, name := range w.names {
		info, err := w.records.Container(ctx, name)
		if err == nil {
			err = info.Err
		}
		if err != nil {
			return err
		}
		w.ids = append(w.ids, info.Record.ID)
	}
	return nil
}
