// SPDX-License-Identifier: Apache-2.0

// Package logs is the command tug-logs: it shows what containers have written.
package logs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/logfile"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	follow, timestamps, names, color, latest bool
	since, until                             string
	tail                                     int
}

// New makes the command.
func New() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "tug-logs [OPTION]... CONTAINER...",
		Short: "Show what containers have written",
	}
	globals := cli.AddGlobals(cmd)
	cli.Outside(cmd)
	cmd.ValidArgsFunction = cli.CompleteContainers(globals)
	f := cmd.Flags()
	f.BoolVarP(&o.follow, "follow", "f", false, "Show what is added too, until the container ends")
	f.StringVar(&o.since, "since", "", "Show lines that are not older than `TIME`")
	f.StringVar(&o.until, "until", "", "Show lines that are not newer than `TIME`")
	f.IntVar(&o.tail, "tail", -1, "Show the last `N` lines only; -1 is all")
	f.BoolVarP(&o.timestamps, "timestamps", "t", false, "Show the time of each line")
	f.BoolVarP(&o.names, "names", "n", false, "Name several containers, instead of showing their IDs")
	f.BoolVar(&o.color, "color", false, "Give each container a colour of its own")
	f.BoolVarP(&o.latest, "latest", "l", false, "Show the log of the container that was made last")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return run(cmd, globals.Store(), o, args) }
	return cmd
}

func run(cmd *cobra.Command, opts libstorage.Options, o options, names []string) error {
	show, err := o.times(time.Now())
	if err != nil {
		return err
	}
	switch {
	case o.latest && len(names) > 0:
		return errclass.New(errclass.Usage, "--latest", errors.New("--latest and names of containers exclude each other"))
	case !o.latest && len(names) == 0:
		return errclass.New(errclass.Usage, "", errors.New("specify at least one container name or ID to log"))
	}
	s, err := libstorage.OpenRecords(cmd.Context(), opts)
	if err != nil {
		return err
	}
	sources, err := find(cmd.Context(), s, names)
	if err != nil {
		return err
	}
	errs := make([]error, len(sources))
	if !o.follow || len(sources) == 1 {
		out := outputs(cmd, nil)
		for i, src := range sources {
			errs[i] = src.show(cmd, o.follow, o.of(show, src, i, len(sources)), out)
		}
	} else {
		var all sync.WaitGroup
		out := outputs(cmd, &sync.Mutex{})
		for i, src := range sources {
			all.Go(func() { errs[i] = src.show(cmd, true, o.of(show, src, i, len(sources)), out) })
		}
		all.Wait()
	}
	if cmd.Context().Err() != nil {
		return cli.Enough(cmd.Context())
	}
	return report(cmd, errs)
}

// report prints all errors but the last.
func report(cmd *cobra.Command, errs []error) error {
	var last error
	for _, err := range errs {
		if err != nil && last != nil {
			cli.Report(cmd, last)
		}
		if err != nil {
			last = err
		}
	}
	return last
}

// times reads --since, --until and --tail.
func (o *options) times(now time.Time) (show logfile.Options, err error) {
	show.Timestamps = o.timestamps
	if o.tail >= 0 {
		show.Tail = &o.tail
	}
	for _, bound := range []struct {
		flag, value string
		at          *time.Time
	}{{"--since", o.since, &show.Since}, {"--until", o.until, &show.Until}} {
		if bound.value == "" {
			continue
		}
		if *bound.at, err = cli.ParseTime(bound.value, now); err != nil {
			return show, errclass.New(errclass.Usage, bound.flag, fmt.Errorf("%s: %w", bound.flag, err))
		}
	}
	return show, nil
}

// of adds what stands before the lines of the ith container.
func (o *options) of(show logfile.Options, src *source, i, count int) logfile.Options {
	if count > 1 {
		show.Prefix = src.info.Record.ID[:12] + " "
		if o.names && src.info.Record.Name != "" {
			show.Prefix = src.info.Record.Name + " "
		}
	}
	if o.color {
		const first, colors = 31, 6 // red to cyan
		show.Prefix = fmt.Sprintf("\x1b[%dm", first+i%colors) + show.Prefix
		show.Suffix = "\x1b[0m"
	}
	return show
}

// find finds all containers before anything is shown; the latest without names.
func find(ctx context.Context, s *libstorage.Records, names []string) ([]*source, error) {
	if len(names) == 0 {
		latest, err := s.Latest(ctx)
		return []*source{{store: s, info: latest}}, err
	}
	var sources []*source
	for _, name := range names {
		info, err := s.Container(ctx, name)
		if err != nil {
			return nil, err
		}
		sources = append(sources, &source{store: s, info: info})
	}
	return sources, nil
}
