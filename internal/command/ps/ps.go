// SPDX-License-Identifier: Apache-2.0

// Package ps is the command tug-ps: it lists containers. It takes no lock, and
// reads nothing of a container's files unless --size asks for it.
package ps

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/status"
	"github.com/tug-containers/tug/internal/target"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	all, quiet, noHeading, noTrunc, latest, size, namespaces bool
	external, pod                                            bool
	last                                                     int
	watch                                                    uint
	filters                                                  []string
	sort, format                                             string
}

// New makes the command.
func New() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:               "tug-ps [OPTION]...",
		Short:             "List containers",
		Args:              cli.Usage(cobra.NoArgs),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	globals := cli.AddGlobals(cmd)
	cli.OnlyLooks(cmd)
	cli.Outside(cmd)
	f := cmd.Flags()
	f.BoolVarP(&o.all, "all", "a", false, "Show all containers, not only those that run")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "Show container IDs only")
	f.BoolVar(&o.noHeading, "noheading", false, "Do not print column headings")
	f.BoolVar(&o.noTrunc, "no-trunc", false, "Show whole IDs and commands")
	f.BoolVarP(&o.latest, "latest", "l", false, "Show the container that was made last, in any state")
	f.IntVarP(&o.last, "last", "n", 0, "Show the `N` containers that were made last, in any state")
	f.BoolVarP(&o.size, "size", "s", false, "Show what the containers have written, and that with their images")
	f.BoolVar(&o.namespaces, "ns", false, "Show the namespaces of the containers")
	f.StringArrayVarP(&o.filters, "filter", "f", nil, "Show containers that match `KEY=VALUE`; can be repeated")
	f.StringVar(&o.sort, "sort", "created", "Sort by `KEY`: command, created, id, image, names, runningfor, size or status")
	f.StringVar(&o.format, "format", "", "`FORMAT` of the output: json, a Go template, or table TEMPLATE")
	f.UintVarP(&o.watch, "watch", "w", 0, "Show the list anew every `N` seconds")
	f.BoolVar(&o.external, "external", false, "Not in this version")
	f.BoolVarP(&o.pod, "pod", "p", false, "Not in this version")
	for _, name := range []string{"external", "pod"} {
		f.Lookup(name).Hidden = true
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return run(cmd, globals.Store(), o) }
	return cmd
}

func (o *options) check() error {
	usage := func(flag, text string) error { return errclass.New(errclass.Usage, flag, errors.New(text)) }
	switch {
	case o.external:
		return errclass.New(errclass.Unsupported, "--external", errors.New("--external is not supported by this version"))
	case o.pod:
		return errclass.New(errclass.Unsupported, "--pod", errors.New("--pod is not supported by this version"))
	case o.latest && o.last > 0:
		return usage("--last", "--last and --latest exclude each other")
	case o.quiet && (o.size || o.namespaces):
		return usage("--quiet", "--quiet does not go with --size or --ns")
	case o.size && o.namespaces:
		return usage("--ns", "--size and --ns exclude each other")
	case o.watch > 0 && (o.latest || o.format == "json"):
		return usage("--watch", "--watch does not go with --latest or JSON")
	}
	if o.latest {
		o.last = 1
	}
	return nil
}

func run(cmd *cobra.Command, store libstorage.Options, o options) error {
	if err := o.check(); err != nil {
		return err
	}
	format, err := cli.ParseFormat(o.format)
	if err != nil {
		return err
	}
	format.Names = headings()
	order, err := orderOf(o.sort)
	if err != nil {
		return err
	}
	if o.sort == "size" && !o.size {
		return errclass.New(errclass.Usage, "--sort", errors.New("--sort size: only with --size"))
	}
	filter, err := target.ParseFilter(o.filters)
	if err != nil {
		return err
	}
	// Collecting garbage would be a tenth of making a list that is gone at once.
	debug.SetGCPercent(400)
	records, err := libstorage.OpenRecords(cmd.Context(), store)
	if err != nil {
		return err
	}
	images := &images{cmd: cmd, opts: store}
	defer images.close()
	show := func(w io.Writer) error {
		l, err := list(cmd.Context(), records, images, o, filter)
		if err != nil {
			return err
		}
		l.sort(order)
		if err := l.print(w, o, format); err != nil {
			return err
		}
		return l.damage()
	}
	if o.watch > 0 {
		return watch(cmd, time.Duration(o.watch)*time.Second, show)
	}
	return show(cmd.OutOrStdout())
}

// watch shows the list until the user has seen enough.
func watch(cmd *cobra.Command, every time.Duration, show func(io.Writer) error) error {
	const home, clearBelow = "\x1b[H\x1b[2J", "\x1b[J"
	out := cmd.OutOrStdout()
	for {
		var screen bytes.Buffer
		screen.WriteString(home)
		if err := show(&screen); err != nil && screen.Len() == len(home) {
			return err
		}
		screen.WriteString(clearBelow)
		if _, err := screen.WriteTo(out); err != nil {
			return err
		}
		select {
		case <-cmd.Context().Done():
			return cli.Enough(cmd.Context())
		case <-time.After(every):
		}
	}
}

// list reads the containers that pass the filter.
func list(ctx context.Context, records *libstorage.Records, images *images, o options, filter *target.Filter) (*listing, error) {
	containers, err := records.Containers(ctx)
	if err != nil {
		return nil, err
	}
	l := &listing{ctx: ctx, records: records, images: images, now: time.Now(), noTrunc: o.noTrunc, size: o.size, namespaced: o.namespaces}
	meant, err := filter.Select(ctx, records, images.store, containers)
	if err != nil {
		return nil, err
	}
	running := !o.all && o.last <= 0 && !filter.Has("status") // as podman and docker have it
	for i := range meant {
		r := l.row(&meant[i])
		// A damaged one may be running: it is always shown.
		if !running || r.status.State == status.Running || r.info.Err != nil {
			l.rows = append(l.rows, r)
		}
	}
	// They are sorted by age.
	if n := len(l.rows); o.last > 0 && n > o.last {
		l.rows = l.rows[n-o.last:]
	}
	return l, nil
}

// damage is the error of a list that has damaged containers.
func (l *listing) damage() error {
	var first error
	others := -1
	for _, r := range l.rows {
		if r.info.Err != nil {
			others++
			if first == nil {
				first = r.info.Err
			}
		}
	}
	if others > 0 {
		return fmt.Errorf("%w (and %d more damaged containers)", first, others)
	}
	return first
}
