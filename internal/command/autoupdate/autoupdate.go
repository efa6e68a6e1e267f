// SPDX-License-Identifier: Apache-2.0

// Package autoupdate is the command tug-auto-update: it restarts the units of
// containers whose image has become another.
package autoupdate

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/access"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/progress"
	"github.com/tug-containers/tug/libstorage"
)

// The labels by which a container asks for it; podman's.
const (
	policyLabel   = "io.containers.autoupdate"
	authFileLabel = "io.containers.autoupdate.authfile"
)

type options struct {
	dryRun, rollback bool
	format           string
	globals          *cli.Globals
	access           *access.Flags
	progress         *progress.Flags
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-auto-update [OPTION]...",
		Short: "Restart the units of containers whose image is newer",
		Long: `Looks at each container that is a systemd unit and has the label
io.containers.autoupdate. With the value registry, the image is pulled when the registry has another; with local, the
store is looked at. Where the image has become another, the unit is restarted, and with it goes back to the image that
it had when it does not become ready.`,
		Args: cli.Usage(cobra.NoArgs),
	}
	o.globals = cli.AddGlobals(cmd)
	o.access, o.progress = access.Add(cmd), progress.AddFlags(cmd.Flags())
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	f := cmd.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "Say what is newer, and change nothing")
	f.BoolVar(&o.rollback, "rollback", true, "Go back to the image that a unit had when it does not become ready")
	f.StringVar(&o.format, "format", "", "`FORMAT` of the output: json, a Go template, or table TEMPLATE")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

func (o *options) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	format, err := cli.ParseFormat(o.format)
	if err != nil {
		return err
	}
	if format.Default() {
		if format, err = cli.ParseFormat("table {{.Unit}}\t{{.Container}}\t{{.Image}}\t{{.Policy}}\t{{.Updated}}"); err != nil {
			return err
		}
	}
	u := &updater{dryRun: o.dryRun, rollback: o.rollback, storage: o.globals.Store()}
	if u.access, err = o.access.Access(stderr); err != nil {
		return err
	}
	display, err := o.progress.Display(stderr, o.globals.ErrorFormat, "Pulling")
	if err != nil {
		return err
	}
	u.event = display.Event
	if u.store, err = libstorage.Open(ctx, o.globals.Store()); err != nil {
		display.Close()
		return err
	}
	defer func() { err = errors.Join(err, u.store.Close()) }()
	rows, err := u.update(ctx)
	display.Close() // before the table
	if format.JSON {
		return errors.Join(err, cli.WriteJSON(stdout, rows))
	}
	return errors.Join(err, cli.Write(stdout, format, rows, true))
}

// row is a container as --format sees it; the names are podman's.
type row struct {
	Unit          string
	Container     string
	ContainerName string
	ContainerID   string
	Image         string
	Policy        string
	Updated       string
}

// What Updated says.
const (
	unchanged  = "false"
	updated    = "true"
	pending    = "pending"
	failed     = "failed"
	rolledBack = "rolled back"
)
