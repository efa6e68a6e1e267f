// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"errors"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/target"
	"github.com/tug-containers/tug/libstorage"
)

type removeOptions struct {
	all, force bool
	time       target.Seconds
}

func remove(globals *cli.Globals) *cobra.Command {
	var o removeOptions
	cmd := &cobra.Command{
		Use:     "rm [OPTION]... VOLUME...",
		Aliases: []string{"remove"},
		Short:   "Remove volumes and what is in them",
	}
	cmd.ValidArgsFunction = cli.CompleteVolumes(globals)
	f := cmd.Flags()
	f.BoolVarP(&o.all, "all", "a", false, "Remove all volumes")
	f.BoolVarP(&o.force, "force", "f", false, "Remove the containers that have the volume too; a missing one is no error")
	o.time.Register(f, "With --force: `SECONDS` to wait before a container is killed, -1 for ever (default: as it was made with, 10)")
	cmd.Args = cli.Usage(func(cmd *cobra.Command, args []string) error {
		if o.time.Limit != nil && !o.force {
			return errors.New("--time needs --force")
		}
		return oneOrAll(&o.all)(cmd, args)
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := open(cmd.Context(), globals)
		if err != nil {
			return err
		}
		defer s.Close()
		sweep(cmd.Context(), s)
		if o.all {
			if args, err = names(cmd.Context(), s); err != nil {
				return err
			}
		}
		removal := cli.Removal{Missing: libstorage.ErrVolumeUnknown, InUse: libstorage.ErrVolumeInUse, Force: o.force}
		removal.One = func(ctx context.Context, arg string) (string, error) { return o.one(ctx, s, arg) }
		return removal.Run(cmd, args)
	}
	return cmd
}

// one removes a volume, and gives its name.
func (o *removeOptions) one(ctx context.Context, s *libstorage.Store, arg string) (string, error) {
	v, err := s.FindVolume(ctx, arg)
	if err != nil {
		return "", err
	}
	err = s.RemoveVolume(ctx, v.Name)
	if o.force && errors.Is(err, libstorage.ErrVolumeInUse) {
		if err = o.removeUsers(ctx, s, v.Name); err == nil {
			err = s.RemoveVolume(ctx, v.Name)
		}
		if errors.Is(err, libstorage.ErrVolumeUnknown) {
			err = nil // it went with its container
		}
	}
	return v.Name, err
}

// removeUsers removes the containers that have a volume, whether they run or not.
func (o *removeOptions) removeUsers(ctx context.Context, s *libstorage.Store, name string) error {
	users, err := s.VolumeUsers(name)
	how := launch.RemoveOptions{Force: true, Stop: launch.StopOptions{
		Timeout: o.time.Limit, Warn: func(message string) { logrus.Warn(message) },
	}}
	for _, user := range users {
		info, uerr := s.Container(ctx, user.ID)
		if uerr == nil {
			uerr = launch.Remove(ctx, s, &info, how)
		}
		if !errors.Is(uerr, libstorage.ErrContainerUnknown) {
			err = errors.Join(err, uerr)
		}
	}
	return err
}
