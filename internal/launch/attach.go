// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libexec/monitor"
	"github.com/tug-containers/tug/libstorage"
	"golang.org/x/sys/unix"
)

// AttachOptions are as those of Options.
type AttachOptions struct {
	Stdio      libexec.Stdio
	Signals    *libexec.Signals
	DetachKeys []byte
}

// ErrNotRunning says that a container does not run. The words are podman's.
var ErrNotRunning = errors.New("you can only attach to running containers")

// ErrNoMonitor says that there is nobody to attach to.
var ErrNoMonitor = errors.New("nobody holds its stdio: it has no monitor")

// Attach takes part in the life of a running container, to its end or until the
// keys to detach are typed. Output from before is in its log.
func Attach(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo, o AttachOptions) (libexec.Exit, error) {
	fail := func(err error) (libexec.Exit, error) {
		return libexec.Exit{}, errclass.New(errclass.Conflict, c.Record.ID, fmt.Errorf("container %s: %w", c.Record.ID, err))
	}
	if c.Err != nil {
		return libexec.Exit{}, c.Err
	}
	if c.Record.State() != libstorage.Running && !c.Monitored() {
		return fail(ErrNotRunning)
	}
	conn, hello, err := monitor.Attach(ctx, c.RunDir, monitor.Hello{Input: o.Stdio.In != nil, Output: true})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED) {
		return fail(ErrNoMonitor)
	}
	if err != nil {
		return libexec.Exit{}, fmt.Errorf("container %s: attach: %w", c.Record.ID, err)
	}
	Note(store, c, "attach")
	if o.Signals != nil {
		ctx = context.WithoutCancel(ctx)
	}
	return follow(ctx, conn, c, &attachment{o.Stdio, o.Signals, o.DetachKeys}, hello.Terminal)
}
