// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/libstorage"
)

type listOptions struct {
	quiet, noHeading bool
	filters          []string
	format           string
}

func list(globals *cli.Globals) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:     "ls [OPTION]...",
		Aliases: []string{"list"},
		Short:   "List volumes",
		Args:    cli.Usage(cobra.NoArgs),
	}
	cli.OnlyLooks(cmd)
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	f := cmd.Flags()
	f.StringArrayVarP(&o.filters, "filter", "f", nil, "Show volumes that match `KEY=VALUE`; can be repeated")
	f.StringVar(&o.format, "format", "", "`FORMAT` of the output: json, a Go template, or table TEMPLATE")
	f.BoolVarP(&o.noHeading, "noheading", "n", false, "Do not print column headings")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "Show names only")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		format, err := cli.ParseFormat(o.format)
		if err != nil {
			return err
		}
		format.Names = map[string]string{"Name": "VOLUME NAME"}
		if o.quiet && o.format != "" {
			return cli.UsageError("--format", "--quiet and --format exclude each other")
		}
		wanted, err := cli.ParseFilters(o.filters, listKeys(), parseFilter)
		if err != nil {
			return err
		}
		s, err := open(cmd.Context(), globals)
		if err != nil {
			return err
		}
		defer s.Close()
		volumes, err := matching(cmd.Context(), s, wanted)
		if err != nil {
			return err
		}
		return errors.Join(show(cmd.Context(), s, cmd.OutOrStdout(), o, format, volumes), damage(volumes))
	}
	return cmd
}

func matching(ctx context.Context, s *libstorage.Store, wanted filters) ([]libstorage.Volume, error) {
	all, err := s.Volumes(ctx)
	if err != nil {
		return nil, err
	}
	kept := all[:0]
	for _, v := range all {
		keep, err := wanted.Match(ctx, candidate{v, s})
		if err != nil {
			return nil, err
		}
		if keep {
			kept = append(kept, v)
		}
	}
	return kept, nil
}

func show(ctx context.Context, s *libstorage.Store, w io.Writer, o listOptions, format cli.Format, volumes []libstorage.Volume) error {
	if format.JSON || !format.Default() {
		rows := make([]Data, 0, len(volumes))
		for _, v := range volumes {
			d, err := Describe(ctx, s, v)
			if err != nil {
				return err
			}
			rows = append(rows, d)
		}
		if format.JSON {
			return cli.WriteJSON(w, rows)
		}
		return cli.Write(w, format, rows, !o.noHeading)
	}
	var t cli.Table
	if !o.noHeading && !o.quiet {
		t.Heading = []string{"DRIVER", "VOLUME NAME"}
	}
	for _, v := range volumes {
		driver := v.Driver
		if v.Err != nil {
			driver = "<damaged>"
		}
		if o.quiet {
			t.Add(v.Name)
		} else {
			t.Add(driver, v.Name)
		}
	}
	return t.Write(w)
}

// damage is the error of a list that has damaged volumes.
func damage(volumes []libstorage.Volume) (err error) {
	for _, v := range volumes {
		err = errors.Join(err, v.Err)
	}
	return err
}
