// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	networks "github.com/tug-containers/tug/libexec/network"
)

type listOptions struct {
	quiet, noHeading, noTrunc bool
	filters                   []string
	format                    string
}

func list(globals *cli.Globals) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:     "ls [OPTION]...",
		Aliases: []string{"list"},
		Short:   "List networks",
		Args:    cli.Usage(cobra.NoArgs),
	}
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	f := cmd.Flags()
	f.StringArrayVarP(&o.filters, "filter", "f", nil, "Show networks that match `KEY=VALUE`; can be repeated")
	f.StringVar(&o.format, "format", "", "`FORMAT` of the output: json, a Go template, or table TEMPLATE")
	f.BoolVar(&o.noTrunc, "no-trunc", false, "Show whole IDs")
	f.BoolVarP(&o.noHeading, "noheading", "n", false, "Do not print column headings")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "Show names only")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		format, err := cli.ParseFormat(o.format)
		if err != nil {
			return err
		}
		format.Names = map[string]string{"ID": "NETWORK ID"}
		if o.quiet && o.format != "" {
			return cli.UsageError("--format", "--quiet and --format exclude each other")
		}
		wanted, err := cli.ParseFilters(o.filters, listKeys(), parseFilter)
		if err != nil {
			return err
		}
		return with(cmd, globals, func(ctx context.Context, w *world) error {
			matching, err := w.matching(ctx, wanted)
			if err != nil {
				return err
			}
			return errors.Join(o.show(cmd.OutOrStdout(), format, matching), damage(matching))
		})
	}
	return cmd
}

// matching are the networks that filters want. The default network is there before
// anybody has used it.
func (w *world) matching(ctx context.Context, wanted filters) ([]networks.Network, error) {
	if _, err := w.set.Default(ctx); err != nil {
		return nil, err
	}
	all, err := w.set.List()
	if err != nil {
		return nil, err
	}
	kept := all[:0]
	for i := range all {
		keep, err := wanted.Match(ctx, candidate{&all[i], w})
		if err != nil {
			return nil, err
		}
		if keep {
			kept = append(kept, all[i])
		}
	}
	return kept, nil
}

func (o *listOptions) show(w io.Writer, format cli.Format, list []networks.Network) error {
	if format.JSON || !format.Default() {
		rows := make([]Data, 0, len(list))
		for i := range list {
			d := describe(&list[i])
			if !format.JSON && !o.noTrunc {
				d.ID = shortID(d.ID)
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
		t.Heading = []string{"NETWORK ID", "NAME", "DRIVER"}
	}
	for i := range list {
		n := &list[i]
		id, driver := n.ID, n.Driver
		if n.Err != nil {
			driver = "<damaged>"
		}
		if !o.noTrunc {
			id = shortID(id)
		}
		if o.quiet {
			t.Add(n.Name)
		} else {
			t.Add(id, n.Name, driver)
		}
	}
	return t.Write(w)
}

func shortID(id string) string { return id[:min(len(id), 12)] }

// damage is the error of a list that has damaged networks.
func damage(list []networks.Network) (err error) {
	for i := range list {
		err = errors.Join(err, list[i].Err)
	}
	return err
}

// complete offers the names of networks.
func complete(globals *cli.Globals) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		w, err := open(cmd.Context(), globals)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer w.close()
		all, err := w.set.List()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for i := range all {
			if name := all[i].Name; strings.HasPrefix(name, typed) && !slices.Contains(args, name) {
				names = append(names, name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
