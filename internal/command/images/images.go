// SPDX-License-Identifier: Apache-2.0

// Package images is the command tug-images: it lists the images of the store.
package images

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	all, quiet, noHeading, noTrunc, digests bool
	filters                                 []string
	sort, format                            string
}

// New makes the command.
func New() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "tug-images [OPTION]... [IMAGE]",
		Short: "List images",
		Args:  cli.Usage(cobra.MaximumNArgs(1)),
	}
	globals := cli.AddGlobals(cmd)
	cli.OnlyLooks(cmd)
	cmd.ValidArgsFunction = cli.CompleteImages(globals)
	f := cmd.Flags()
	f.BoolVarP(&o.all, "all", "a", false, "Show intermediate images too: nameless ones that another image was made from")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "Show image IDs only")
	f.BoolVarP(&o.noHeading, "noheading", "n", false, "Do not print column headings")
	f.BoolVar(&o.noTrunc, "no-trunc", false, "Show whole IDs")
	f.BoolVar(&o.digests, "digests", false, "Show digests of manifests")
	f.StringArrayVarP(&o.filters, "filter", "f", nil, "Show images that match `KEY=VALUE`; can be repeated")
	f.StringVar(&o.sort, "sort", "created", "Sort by `KEY`: created, id, repository, size or tag")
	f.StringVar(&o.format, "format", "", "`FORMAT` of the output: json, a Go template, or table TEMPLATE")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return run(cmd, globals.Store(), o, args)
	}
	return cmd
}

func run(cmd *cobra.Command, store libstorage.Options, o options, args []string) error {
	format, err := cli.ParseFormat(o.format)
	if err != nil {
		return err
	}
	format.Names = map[string]string{"ID": "IMAGE ID", "Id": "IMAGE ID", "CreatedSince": "CREATED"}
	if o.quiet && o.format != "" {
		return errclass.New(errclass.Usage, "--format", errors.New("--quiet and --format exclude each other"))
	}
	order, err := orderOf(o.sort)
	if err != nil {
		return err
	}
	filters, err := parseFilters(o.filters, time.Now())
	if err != nil {
		return err
	}
	if len(args) > 0 {
		filters = append(filters, referenceFilter(args[0]))
	}
	s, err := libstorage.Open(cmd.Context(), store)
	if err != nil {
		return err
	}
	defer s.Close()
	l, err := list(cmd.Context(), s, o.all, filters)
	if err != nil {
		return err
	}
	l.sort(o.sort, order)
	if err := l.print(cmd.OutOrStdout(), o, format); err != nil {
		return err
	}
	return l.damage()
}

// list reads the images that pass the filters.
func list(ctx context.Context, s *libstorage.Store, all bool, filters []filter) (*listing, error) {
	images, err := s.Images(ctx)
	if err != nil {
		return nil, err
	}
	l := &listing{ctx: ctx, store: s, now: time.Now()}
	for _, img := range images {
		if len(img.Names) == 0 && !all {
			lineage, err := l.relatives()
			if err != nil {
				return nil, err
			}
			if lineage.Intermediate(img.ID) {
				continue
			}
		}
		keep := true
		for _, f := range filters {
			if keep, err = f(l, img); err != nil {
				return nil, err
			} else if !keep {
				break
			}
		}
		if keep {
			l.images = append(l.images, img)
		}
	}
	return l, nil
}

// damage is the error of a list that has damaged images.
func (l *listing) damage() error {
	var first error
	others := -1
	for _, img := range l.images {
		if img.Err != nil {
			others++
			if first == nil {
				first = img.Err
			}
		}
	}
	if others > 0 {
		return fmt.Errorf("%w (and %d more damaged images)", first, others)
	}
	return first
}
