// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

// places are where a store is; the records of its containers know that too.
type places interface {
	Root() string
	RunRoot() string
}

// findRuntime finds the runtime called name, or the one to use by default.
func findRuntime(ctx context.Context, store places, name string) (*libexec.Runtime, error) {
	config, err := libexec.ReadRuntimeConfig(libexec.RuntimeConfigFiles(os.Getenv, os.Getuid()))
	if err != nil {
		return nil, err
	}
	return libexec.FindRuntime(ctx, libexec.RuntimeOptions{
		Name: name, Config: config, Path: os.Getenv("PATH"), Env: libexec.RuntimeEnv(os.Environ()),
		StateDir:   filepath.Join(store.RunRoot(), "tug", "runtime"),
		ScratchDir: filepath.Join(store.Root(), "tug"),
	})
}

// stopper ends what the runtime has of a container whose command was killed.
func stopper(store *libstorage.Store) libstorage.StopFunc {
	return func(ctx context.Context, c libstorage.ContainerInfo) error {
		r, err := findRuntime(ctx, store, c.Record.Runtime)
		if errors.Is(err, libexec.ErrRuntimeNotFound) && c.Record.Runtime != "" {
			// It was removed meanwhile. Any other ends the processes, by the cgroup.
			r, err = findRuntime(ctx, store, "")
		}
		if err != nil {
			return err
		}
		return r.Delete(ctx, libexec.Container{ID: c.Record.ID, Bundle: c.RunDir})
	}
}

// replacer ends a container that another one takes the name of: it is asked to
// stop, as its own options say, before it is made to.
func replacer(store *libstorage.Store) libstorage.StopFunc {
	return func(ctx context.Context, c libstorage.ContainerInfo) error {
		how, err := ReadConfig(&c)
		if err != nil {
			return err
		}
		p := libexec.Process{Pid: c.Record.Pid, StartTime: c.Record.StartTime}
		if c.Record.State() == libstorage.Running && syscall.Kill(p.Pid, how.StopSignal) == nil {
			waitFor(ctx, p, how.StopTimeout)
		}
		return stopper(store)(ctx, c)
	}
}

// waitFor returns when the process is gone, or the time is over.
func waitFor(ctx context.Context, p libexec.Process, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for p.Alive() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Sweep removes what commands left that were killed.
func Sweep(ctx context.Context, store *libstorage.Store) error {
	_, err := store.Sweep(ctx, stopper(store))
	return err
}
