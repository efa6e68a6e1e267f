// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/target"
	"github.com/tug-containers/tug/libstorage"
)

// imageRow is what --format json shows of an image. The names are podman's, and
// Names are digests.
type imageRow struct {
	ID           string `json:"id"`
	Names        []string
	Repositories []string
	Mountpoint   string `json:"mountpoint"`
}

// images mounts images, or lists those that are mounted.
func (o *options) images(cmd *cobra.Command, store *libstorage.Store, names []string) error {
	ctx := cmd.Context()
	if o.listing(names) {
		held, err := store.HeldImages(ctx)
		if err != nil {
			return err
		}
		return o.printImages(cmd.OutOrStdout(), held, false)
	}
	one := len(names) == 1
	if o.selection.All {
		all, err := store.Images(ctx)
		if err != nil {
			return err
		}
		for _, img := range all {
			names = append(names, img.ID)
		}
	}
	var held []libstorage.MountedImage
	var errs []error
	for _, name := range names {
		m, err := hold(ctx, store, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		held = append(held, m)
	}
	if err := o.printImages(cmd.OutOrStdout(), held, one); err != nil {
		errs = append(errs, err)
	}
	return target.Failure(cmd, errs, nil)
}

func hold(ctx context.Context, store *libstorage.Store, name string) (libstorage.MountedImage, error) {
	m, err := store.HoldImage(ctx, name)
	if err == nil {
		store.NoteImage("mount", m.ID, name)
	}
	return m, err
}

// printImages says where images are; of one that was asked for, nothing else.
func (o *options) printImages(w io.Writer, images []libstorage.MountedImage, one bool) error {
	if o.format != "" {
		rows := []imageRow{}
		for _, m := range images {
			digests := []string{}
			for _, d := range m.Digests {
				digests = append(digests, d.String())
			}
			rows = append(rows, imageRow{m.ID, digests, append([]string{}, m.Image.Names...), m.Path})
		}
		return cli.WriteJSON(w, rows)
	}
	table := cli.Table{}
	for _, m := range images {
		name := m.ID
		if !o.noTrunc {
			name = m.ID[:12]
		}
		if len(m.Image.Names) > 0 {
			name = m.Image.Names[0]
		}
		if one {
			_, err := fmt.Fprintln(w, cli.Printable(m.Path))
			return err
		}
		table.Add(name, m.Path)
	}
	return table.Write(w)
}
