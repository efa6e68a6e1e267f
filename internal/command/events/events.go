// SPDX-License-Identifier: Apache-2.0

// Package events is the command tug-events: it shows what happens to containers,
// images and volumes. Those that do something write it down in a file of the
// store, package events; this follows it.
package events

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/events"
	"github.com/tug-containers/tug/internal/logfile"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	filters              []string
	format, since, until string
	stream, noTrunc      bool
}

// New makes the command.
func New() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:               "tug-events [OPTION]...",
		Short:             "Show what happens to containers, images and volumes",
		Args:              cli.Usage(cobra.NoArgs),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	globals := cli.AddGlobals(cmd)
	cli.Outside(cmd)
	f := cmd.Flags()
	f.StringArrayVarP(&o.filters, "filter", "f", nil, "Show events that match `KEY=VALUE`; can be repeated")
	f.StringVar(&o.format, "format", "", "`FORMAT` of the output: json, or a Go template")
	f.StringVar(&o.since, "since", "", "Show events that are not older than `TIME` too")
	f.StringVar(&o.until, "until", "", "Show events that are not newer than `TIME`, and end then")
	f.BoolVar(&o.stream, "stream", true, "Wait for new events")
	f.BoolVar(&o.noTrunc, "no-trunc", true, "Show whole IDs")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return run(cmd, globals.Store(), o) }
	return cmd
}

func run(cmd *cobra.Command, opts libstorage.Options, o options) error {
	p, err := o.printer(cmd.OutOrStdout(), time.Now())
	if err != nil {
		return err
	}
	records, err := libstorage.OpenRecords(cmd.Context(), opts)
	if err != nil {
		return err
	}
	path := events.Path(records.Root())
	if !o.stream || p.over(time.Now()) {
		err = logfile.Read(cmd.Context(), path, p.lines())
	} else {
		err = follow(cmd, path, p, o.since == "" && o.until == "")
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing has ever happened
	}
	if cmd.Context().Err() != nil {
		return cli.Enough(cmd.Context())
	}
	return err
}

// follow shows events until the user has seen enough, or --until is over.
func follow(cmd *cobra.Command, path string, p *printer, onlyNew bool) error {
	lines := p.lines()
	if onlyNew {
		lines.Tail = new(int)
	}
	waiting := func() bool { return cmd.Context().Err() == nil && !p.over(time.Now()) }
	return logfile.Follow(cmd.Context(), path, lines, waiting, func() {
		cli.Report(cmd, errors.New("events are missing here: their file was dropped before it was read"))
	})
}

// printer reads the options.
func (o *options) printer(w io.Writer, now time.Time) (*printer, error) {
	p := &printer{w: w, noTrunc: o.noTrunc}
	var err error
	if p.format, err = cli.ParseFormat(o.format); err != nil {
		return nil, err
	}
	if p.format.JSON { // a line each: the events have no end
		p.format, err = cli.ParseFormat("{{json .}}")
	}
	if p.format.Table {
		return nil, errclass.New(errclass.Usage, "--format", errors.New("--format table: events have no end, and so no table"))
	}
	if err != nil {
		return nil, err
	}
	if p.filters, err = parseFilters(o.filters); err != nil {
		return nil, err
	}
	for _, bound := range []struct {
		flag, value string
		at          *time.Time
	}{{"--since", o.since, &p.since}, {"--until", o.until, &p.until}} {
		if bound.value == "" {
			continue
		}
		if *bound.at, err = parseTime(bound.value, now, bound.flag == "--until"); err != nil {
			return nil, errclass.New(errclass.Usage, bound.flag, fmt.Errorf("%s: %w", bound.flag, err))
		}
	}
	return p, nil
}

// parseTime is cli.ParseTime. A duration with a sign, for --until, is from now
// on.
func parseTime(s string, now time.Time, ahead bool) (time.Time, error) {
	if ahead && strings.HasPrefix(s, "+") {
		if d, err := time.ParseDuration(s); err == nil {
			return now.Add(d), nil
		}
	}
	return cli.ParseTime(s, now)
}
