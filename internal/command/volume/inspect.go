// SPDX-License-Identifier: Apache-2.0

package volume

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

// Data is what --format sees of a volume, and what its JSON has, as podman's.
type Data struct {
	Name       string
	Driver     string
	Mountpoint string
	CreatedAt  time.Time
	Labels     map[string]string
	Scope      string
	Options    map[string]string
	UID        int  `json:",omitempty"`
	GID        int  `json:",omitempty"`
	Anonymous  bool `json:",omitempty"`
	// MountCount is how many containers run with it.
	MountCount  int
	NeedsCopyUp bool `json:",omitempty"`
	NeedsChown  bool `json:",omitempty"`
	// Damage is why its record cannot be read.
	Damage string `json:",omitempty"`
}

// Describe says what is known of a volume.
func Describe(ctx context.Context, s *libstorage.Store, v libstorage.Volume) (Data, error) {
	d := Data{
		Name: v.Name, Driver: v.Driver, Mountpoint: v.Path, CreatedAt: v.Created, Scope: "local",
		Labels: v.Labels, Options: v.Options, Anonymous: v.Anonymous, NeedsCopyUp: v.NeedsCopyUp, NeedsChown: v.NeedsChown,
	}
	if d.Labels == nil {
		d.Labels = map[string]string{}
	}
	if d.Options == nil {
		d.Options = map[string]string{}
	}
	if v.UID != nil {
		d.UID = *v.UID
	}
	if v.GID != nil {
		d.GID = *v.GID
	}
	if v.Err != nil {
		d.Damage = v.Err.Error()
	}
	users, err := s.VolumeUsers(v.Name)
	for _, user := range users {
		info, err := s.Container(ctx, user.ID)
		if errors.Is(err, libstorage.ErrContainerUnknown) {
			continue // since then it was removed
		} else if err != nil {
			return d, err
		}
		if info.Record.State() == libstorage.Running {
			d.MountCount++
		}
	}
	return d, err
}

func inspect(globals *cli.Globals) *cobra.Command {
	var all bool
	var form string
	cmd := &cobra.Command{
		Use:   "inspect [OPTION]... VOLUME...",
		Short: "Show what is known of volumes",
		Args:  oneOrAll(&all),
	}
	cli.OnlyLooks(cmd)
	cmd.ValidArgsFunction = cli.CompleteVolumes(globals)
	f := cmd.Flags()
	f.BoolVarP(&all, "all", "a", false, "Show all volumes")
	f.StringVarP(&form, "format", "f", "", "`FORMAT` of the output: json, or a Go template")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		format, err := cli.ParseFormat(form)
		if err != nil {
			return err
		}
		s, err := open(cmd.Context(), globals)
		if err != nil {
			return err
		}
		defer s.Close()
		if all {
			if args, err = names(cmd.Context(), s); err != nil {
				return err
			}
		}
		list, err := look(cmd, s, args)
		if format.Default() || format.JSON {
			return errors.Join(cli.WriteJSON(cmd.OutOrStdout(), list), err)
		}
		if perr := cli.Write(cmd.OutOrStdout(), format, list, false); perr != nil {
			return perr
		}
		return err
	}
	return cmd
}

// look describes the volumes that are there. The error of the last one that
// is not is returned, those before it are reported.
func look(cmd *cobra.Command, s *libstorage.Store, args []string) ([]Data, error) {
	var last error
	list := []Data{}
	for _, arg := range args {
		v, err := s.FindVolume(cmd.Context(), arg)
		if errors.Is(err, libstorage.ErrVolumeUnknown) {
			err = errclass.New(errclass.NotFound, arg, fmt.Errorf("inspecting object: no such volume %s", arg))
		}
		if err == nil {
			var d Data
			if d, err = Describe(cmd.Context(), s, v); err == nil {
				list = append(list, d)
				err = v.Err
			}
		}
		if err == nil {
			continue
		}
		if last != nil {
			cli.Report(cmd, last)
		}
		last = err
	}
	return list, last
}

// names are those of all volumes.
func names(ctx context.Context, s *libstorage.Store) ([]string, error) {
	volumes, err := s.Volumes(ctx)
	list := make([]string, 0, len(volumes))
	for _, v := range volumes {
		list = append(list, v.Name)
	}
	return list, err
}
