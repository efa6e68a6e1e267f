// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

// ErrState says that a container is not in the state that something can be done
// in. The words are podman's.
var ErrState = errors.New("container state improper")

func stateError(c *libstorage.ContainerInfo, format string, args ...any) error {
	return errclass.New(errclass.Conflict, c.Record.ID, fmt.Errorf(format+": %w", append(args, ErrState)...))
}

// Kill sends a signal to the first process of a container; ErrState when it has
// none. After SIGKILL or its stop signal no restart policy starts it again.
// After SIGKILL it has ended when Kill returns, and is cleaned up.
func Kill(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo, sig syscall.Signal) error {
	h, err := openRunning(c)
	if h == nil {
		return errors.Join(err, stateError(c, "can only kill running containers. %s is in state %s", c.Record.ID, c.Record.State()))
	}
	defer h.Close()
	config, err := ReadConfig(c)
	if err != nil && sig != syscall.SIGKILL {
		return err
	}
	if sig == syscall.SIGKILL || sig == config.StopSignal {
		if err := mark(c); err != nil {
			return err
		}
	}
	if err := h.Signal(sig); errors.Is(err, os.ErrProcessDone) {
		return stateError(c, "container %s has just ended", c.Record.ID)
	} else if err != nil {
		return fmt.Errorf("container %s: %w", c.Record.ID, err)
	}
	Note(store, c, "kill")
	if sig != syscall.SIGKILL {
		return nil
	}
	none := time.Duration(0)
	e := &ender{store: store, c: *c, o: StopOptions{Timeout: &none}}
	if err := e.end(ctx); err != nil {
		return err
	}
	return e.settle(ctx)
}

// openRunning opens the first process of a container, or gives nil.
func openRunning(c *libstorage.ContainerInfo) (*libexec.Handle, error) {
	if c.Err != nil {
		return nil, c.Err
	}
	if c.Record.State() != libstorage.Running {
		return nil, nil
	}
	h, err := libexec.Process{Pid: c.Record.Pid, StartTime: c.Record.StartTime}.Open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return h, err
}
