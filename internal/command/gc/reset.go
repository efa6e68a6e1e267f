// SPDX-License-Identifier: Apache-2.0

package gc

import (
	"errors"
	"fmt"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libstorage"
)

// resetStore is --reset. Whether something runs is looked at before and after the
// question, which may stand for long.
func resetStore(cmd *cobra.Command, opts libstorage.Options, force bool) (err error) {
	ctx := cmd.Context()
	store, err := libstorage.Open(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := launch.Sweep(ctx, store); err != nil {
		logrus.Debugf("sweep: %v", err)
	}
	if !force {
		if err := launch.InUse(ctx, store); err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "WARNING! This will remove:\n\t- all containers\n\t- all volumes\n\t- all networks\n\t- all images\n"+
			"\t- the store %s\n\t- its state in %s\n", cli.Printable(store.Root()), cli.Printable(store.RunRoot()))
		yes, err := cli.Confirm(cmd, "Are you sure you want to continue?")
		if err != nil || !yes {
			return err
		}
		if err := launch.InUse(ctx, store); err != nil {
			return err
		}
	}
	return launch.Reset(ctx, store, func(message string) { logrus.Warn(message) })
}
