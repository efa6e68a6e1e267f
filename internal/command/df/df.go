// SPDX-License-Identifier: Apache-2.0

// Package df is the command tug-df: what images, containers and volumes take of
// the disk.
package df

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/status"
	"github.com/tug-containers/tug/libstorage"
)

// row is one kind of objects, as --format sees it. The JSON is podman's: sizes
// are numbers there.
type row struct {
	Type           string
	Total          int
	Active         int
	RawSize        int64  `json:"Size"`
	RawReclaimable int64  `json:"Reclaimable"`
	Size           string `json:"-"`
	Reclaimable    string `json:"-"`
}

// New makes the command.
func New() *cobra.Command {
	var form string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "tug-df [OPTION]...",
		Short: "Show what images, containers and volumes take of the disk",
		Args:  cli.Usage(cobra.NoArgs),
	}
	globals := cli.AddGlobals(cmd)
	cli.OnlyLooks(cmd)
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	f := cmd.Flags()
	f.StringVar(&form, "format", "", "`FORMAT` of the output: json, a Go template, or table TEMPLATE")
	f.BoolVarP(&verbose, "verbose", "v", false, "Show every object")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		format, err := cli.ParseFormat(form)
		if err != nil {
			return err
		}
		if verbose && form != "" {
			return errclass.New(errclass.Usage, "--format", errors.New("--verbose and --format exclude each other"))
		}
		store, err := libstorage.Open(cmd.Context(), globals.Store())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		u, err := look(cmd.Context(), store)
		if err != nil {
			return err
		}
		if verbose {
			return u.details(cmd.OutOrStdout())
		}
		return summary(cmd.OutOrStdout(), format, u.rows())
	}
	return cmd
}

// usage is all that there is to say.
type usage struct {
	images     libstorage.ImagesUsage
	containers []container
	volumes    []volume
}

type container struct {
	info   libstorage.ContainerInfo
	status status.Status
	size   int64
}

type volume struct {
	name  string
	users int
	size  int64
}

func look(ctx context.Context, store *libstorage.Store) (u usage, err error) {
	if u.images, err = store.ImagesUsage(ctx); err != nil {
		return u, err
	}
	containers, err := store.Containers(ctx)
	if err != nil {
		return u, err
	}
	for i := range containers {
		c := container{info: containers[i], status: status.Of(&containers[i])}
		if c.size, err = store.ContainerChanges(ctx, &containers[i]); err != nil {
			return u, err
		}
		u.containers = append(u.containers, c)
	}
	volumes, err := store.Volumes(ctx)
	if err != nil {
		return u, err
	}
	for _, v := range volumes {
		users, err := store.VolumeUsers(v.Name)
		if err != nil {
			return u, err
		}
		size, err := store.VolumeSize(ctx, v)
		if err != nil {
			return u, err
		}
		u.volumes = append(u.volumes, volume{v.Name, len(users), size})
	}
	return u, nil
}

func (u *usage) rows() []row {
	images := row{Type: "Images", Total: len(u.images.Images), RawSize: u.images.Total, RawReclaimable: u.images.Reclaimable}
	for _, img := range u.images.Images {
		if img.Containers > 0 {
			images.Active++
		}
	}
	containers := row{Type: "Containers", Total: len(u.containers)}
	for _, c := range u.containers {
		containers.RawSize += c.size
		if c.status.Lives() {
			containers.Active++
		} else {
			containers.RawReclaimable += c.size
		}
	}
	volumes := row{Type: "Local Volumes", Total: len(u.volumes)}
	for _, v := range u.volumes {
		volumes.RawSize += v.size
		if v.users > 0 {
			volumes.Active++
		} else {
			volumes.RawReclaimable += v.size
		}
	}
	rows := []row{images, containers, volumes}
	for i := range rows {
		r := &rows[i]
		percent := int64(0)
		if r.RawSize > 0 {
			percent = r.RawReclaimable * 100 / r.RawSize
		}
		r.Size = cli.LongSize(r.RawSize)
		r.Reclaimable = fmt.Sprintf("%s (%d%%)", cli.LongSize(r.RawReclaimable), percent)
	}
	return rows
}

func summary(stdout io.Writer, format cli.Format, rows []row) error {
	switch {
	case format.JSON:
		return cli.WriteJSON(stdout, rows)
	case !format.Default():
		return cli.Write(stdout, format, rows, true)
	}
	t := cli.Table{Heading: []string{"TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"}}
	for _, r := range rows {
		t.Add(r.Type, strconv.Itoa(r.Total), strconv.Itoa(r.Active), r.Size, r.Reclaimable)
	}
	return t.Write(stdout)
}
