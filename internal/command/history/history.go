// SPDX-License-Identifier: Apache-2.0

// Package history is the command tug-history: how an image was made.
package history

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	globals *cli.Globals
	format  string
	human   bool
	noTrunc bool
	quiet   bool
}

// step is what --format sees of one step.
type step struct {
	ID           string `json:"id"`
	Created      string `json:"created"`
	CreatedSince string `json:"-"`
	CreatedAt    string `json:"-"`
	CreatedBy    string
	Size         string `json:"-"`
	Bytes        int64  `json:"size"`
	Comment      string `json:"comment"`
	Tags         []string
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-history [OPTION]... IMAGE",
		Short: "Show how an image was made",
		Args:  cli.Usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args[0], cmd.OutOrStdout())
		},
	}
	o.globals = cli.AddGlobals(cmd)
	cli.OnlyLooks(cmd)
	cmd.ValidArgsFunction = cli.CompleteImages(o.globals)
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "", "`FORM` of the output: json, or a Go template")
	f.BoolVarP(&o.human, "human", "H", true, "Show sizes and times for people")
	f.BoolVar(&o.noTrunc, "no-trunc", false, "Show all of IDs and commands")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "Show IDs only")
	return cmd
}

func (o *options) run(ctx context.Context, name string, stdout io.Writer) (err error) {
	format, err := cli.ParseFormat(o.format)
	if err != nil {
		return err
	}
	format.Names = map[string]string{"ID": "IMAGE ID", "CreatedSince": "CREATED"}
	store, err := libstorage.Open(ctx, o.globals.Store())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	img, err := store.Image(ctx, name)
	if err != nil {
		return err
	}
	entries, err := store.History(ctx, img.ID)
	if err != nil {
		return err
	}
	steps := make([]step, 0, len(entries))
	for i, entry := range entries {
		steps = append(steps, o.step(img, i, entry))
	}
	switch {
	case format.JSON:
		return cli.WriteJSON(stdout, steps)
	case !format.Default():
		return cli.Write(stdout, format, steps, true)
	}
	return o.table(stdout, steps)
}

// step describes an entry. As for podman the newest has the image's ID, and
// the others, whose images are not here, have none.
func (o *options) step(img libstorage.Image, i int, entry libstorage.HistoryEntry) step {
	s := step{ID: "<missing>", CreatedBy: entry.CreatedBy, Comment: entry.Comment, Bytes: entry.Size, Size: strconv.FormatInt(entry.Size, 10)}
	if i == 0 {
		s.ID, s.Tags = img.ID, slices.Clone(img.Names)
	}
	created := time.Time{}
	if entry.Created != nil {
		created = *entry.Created
	}
	s.Created, s.CreatedSince = created.Format(time.RFC3339), cli.Ago(created, time.Now())
	s.CreatedAt = s.Created
	if o.human {
		s.Size = cli.Size(entry.Size)
	}
	if !o.noTrunc && o.format != "json" {
		s.ID = s.ID[:min(len(s.ID), 12)]
		if runes := []rune(s.CreatedBy); len(runes) > 45 {
			s.CreatedBy = string(runes[:42]) + "..."
		}
	}
	return s
}

func (o *options) table(stdout io.Writer, steps []step) error {
	var t cli.Table
	if !o.quiet {
		t.Heading = []string{"ID", "CREATED", "CREATED BY", "SIZE", "COMMENT"}
	}
	for _, s := range steps {
		created := s.CreatedSince
		if !o.human {
			created = s.CreatedAt
		}
		if o.quiet {
			t.Add(s.ID)
		} else {
			t.Add(s.ID, created, s.CreatedBy, s.Size, s.Comment)
		}
	}
	return t.Write(stdout)
}
