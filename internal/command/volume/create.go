// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/libstorage"
)

func create(globals *cli.Globals) *cobra.Command {
	var (
		o            libstorage.VolumeOptions
		labels, opts []string
		ignore       bool
	)
	cmd := &cobra.Command{
		Use:   "create [OPTION]... [NAME]",
		Short: "Create a volume",
		Args:  cli.Usage(cobra.MaximumNArgs(1)),
	}
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	f := cmd.Flags()
	f.StringVarP(&o.Driver, "driver", "d", libstorage.LocalDriver, "`NAME` of the driver")
	f.StringArrayVarP(&labels, "label", "l", nil, "Label of the volume, `NAME=VALUE`; can be repeated")
	f.StringArrayVarP(&opts, "opt", "o", nil, "Option of the driver, `NAME=VALUE`; can be repeated")
	f.BoolVar(&ignore, "ignore", false, "A volume that is there already is no error")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if len(args) > 0 {
			if o.Name = args[0]; o.Name == "" {
				return libstorage.CheckVolumeName("")
			}
		}
		if o.Labels, err = cli.ParsePairs("--label", labels, false); err != nil {
			return err
		}
		if o.Options, err = cli.ParsePairs("--opt", opts, false); err != nil {
			return err
		}
		s, err := open(cmd.Context(), globals)
		if err != nil {
			return err
		}
		defer s.Close()
		v, err := s.CreateVolume(cmd.Context(), o)
		if ignore && errors.Is(err, libstorage.ErrVolumeExists) {
			v.Name, err = o.Name, nil
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), v.Name)
		return err
	}
	return cmd
}
