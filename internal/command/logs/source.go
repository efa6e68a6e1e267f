// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/logfile"
	"github.com/tug-containers/tug/libexec/monitor"
	"github.com/tug-containers/tug/libstorage"
)

// source is a container whose log is shown.
type source struct {
	store *libstorage.Records
	info  libstorage.ContainerInfo
}

func (s *source) show(cmd *cobra.Command, follow bool, o logfile.Options, out [2]io.Writer) error {
	config, err := launch.ReadConfig(&s.info)
	if err != nil && s.info.Err == nil {
		return err
	}
	o.Out = out
	ctx, id := cmd.Context(), s.info.Record.ID
	if service := config.Service; service != nil && service.Unit != "" {
		return s.journal(ctx, follow, o, service.Journal()...)
	}
	switch driver := config.Log.Driver; driver {
	case monitor.LogNone, monitor.LogPassthrough:
		return errclass.New(errclass.Unsupported, id, fmt.Errorf("container %s: there is no log: its log driver is %s", id, driver))
	case monitor.LogJournald:
		// Anybody may send the journal an entry that names a container; its own are
		// from the user that runs it.
		err = s.journal(ctx, follow, o, "CONTAINER_ID_FULL="+id, "_UID="+strconv.Itoa(os.Getuid()))
	default:
		path := launch.LogPath(&s.info, &config)
		if follow && s.attached(path) {
			return s.missing() // and there will never be one
		}
		if follow {
			w := &watch{source: s}
			err = logfile.Follow(ctx, path, o, func() bool { return w.alive(ctx) }, func() {
				cli.Report(cmd, fmt.Errorf("container %s: lines are missing here: their file was dropped before it was read", id))
			})
			w.close()
		} else {
			err = logfile.Read(ctx, path, o)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return s.missing()
	}
	if err != nil {
		err = fmt.Errorf("container %s: log: %w", id, err)
	}
	return err
}

// missing is for a log that is not there: fine before the first start.
func (s *source) missing() error {
	r := &s.info.Record
	if s.info.Err == nil && r.State() == libstorage.Created {
		return nil
	}
	if s.info.Err != nil {
		return s.info.Err
	}
	return errclass.New(errclass.NotFound, r.ID, fmt.Errorf(
		"container %s: there is no log: one that is run attached, with --rm, writes to the terminal alone", r.ID))
}

// attached tells that the container runs without a monitor and without a log.
func (s *source) attached(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist) && s.info.Err == nil && s.info.Monitor == 0 && s.info.Record.State() == libstorage.Running
}

// alive tells whether more may be written.
func (s *source) alive(ctx context.Context) bool {
	info, err := s.store.Container(ctx, s.info.Record.ID)
	return err == nil && (info.Monitored() || info.Err == nil && info.Record.State() == libstorage.Running)
}
