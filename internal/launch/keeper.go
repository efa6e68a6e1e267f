// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/tug-containers/tug/internal/life"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

// keeper is the process that sees a container end, and cleans up: its monitor, or
// the `+"`run`"+` that it is attached to. The zero value is none.
type keeper libexec.Process

// keeperOf finds the keeper of a container that runs.
func keeperOf(c *libstorage.ContainerInfo) keeper {
	if c.Monitored() {
		return monitorOf(c)
	}
	// The runtime is between the two.
	runner := parent(parent(c.Record.Pid))
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", runner))
	if err != nil || !strings.HasPrefix(string(comm), "tug") {
		return keeper{} // it was killed
	}
	p, err := libexec.FindProcess(runner)
	if err != nil {
		return keeper{}
	}
	return keeper(p)
}

func monitorOf(c *libstorage.ContainerInfo) keeper {
	live, err := life.ReadLive(c.Dir)
	if err != nil || c.Err == nil && live.BootID != c.Record.BootID {
		return keeper{}
	}
	return keeper{Pid: live.Monitor, StartTime: live.MonitorStart}
}

// parent is the parent of a process, or 0.
func parent(pid int) (ppid int) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "\nPPid:")
	if _, err := fmt.Sscan(rest, &ppid); err != nil {
		return 0
	}
	return ppid
}

// wake lets a keeper go on that somebody has stopped: from the terminal, perhaps.
func (k keeper) wake() { k.signal(syscall.SIGCONT) }

func (k keeper) signal(sig syscall.Signal) bool {
	h, err := libexec.Process(k).Open()
	if err != nil {
		return false
	}
	defer h.Close()
	return h.Signal(sig) == nil
}

// await returns when the keeper has ended, or after a while; the error is that of
// ctx.
func (k keeper) await(ctx context.Context) error {
	h, err := libexec.Process(k).Open()
	if err != nil {
		return nil // gone
	}
	defer h.Close()
	limited, cancel := context.WithTimeout(ctx, quietLimit)
	defer cancel()
	_ = h.Wait(limited) // one that hangs has removed the record nevertheless
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// killMonitor ends a monitor that does not do its work.
func killMonitor(ctx context.Context, c *libstorage.ContainerInfo) bool {
	if !monitorOf(c).signal(syscall.SIGKILL) {
		return false
	}
	limited, cancel := context.WithTimeout(ctx, killLimit)
	defer cancel()
	return c.AwaitMonitor(limited) == nil
}
