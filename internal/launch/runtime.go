// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
	"go.podman.io/storage/pkg/unshare"
)

// places are where a store is; the records of its containers know that too.
type places interface {
	Root() string
	RunRoot() string
}

// findRuntime finds the runtime called name, or the one to use by default, for
// containers that are made now.
func findRuntime(ctx context.Context, store places, name string) (*libexec.Runtime, error) {
	return findRuntimeAt(ctx, store, filepath.Join(store.RunRoot(), "tug"), name)
}

// runtimeOf finds the runtime of a container. What that knows of it is beside the
// container's run directory, in whatever session that was made.
func runtimeOf(ctx context.Context, store places, runDir, name string) (*libexec.Runtime, error) {
	return findRuntimeAt(ctx, store, filepath.Dir(runDir), name)
}

func findRuntimeAt(ctx context.Context, store places, runDirs, name string) (*libexec.Runtime, error) {
	config, err := libexec.ReadRuntimeConfig(ConfigFiles())
	if err != nil {
		return nil, err
	}
	return libexec.FindRuntime(ctx, libexec.RuntimeOptions{
		Name: name, Config: config, Path: os.Getenv("PATH"), Env: libexec.RuntimeEnv(os.Environ()),
		StateDir:   filepath.Join(runDirs, "runtime"),
		ScratchDir: filepath.Join(store.Root(), "tug"),
	})
}

// ConfigFiles are the files of containers.conf for who runs the command, also where
// that is root of a user namespace by now.
func ConfigFiles() []string { return libexec.RuntimeConfigFiles(os.Getenv, unshare.GetRootlessUID()) }

// advise tells what is to be said of the runtime that a container is given to.
func advise(ctx context.Context, r *libexec.Runtime, warn func(message string)) {
	if warn == nil {
		return // it is for the next who listens
	}
	if advice := r.Advice(ctx); advice != "" {
		warn(advice)
	}
}

// DetachKeys are those that leave a container alone: as asked for, or as
// containers.conf says.
func DetachKeys(asked string, given bool) ([]byte, error) {
	if !given {
		config, err := libexec.ReadRuntimeConfig(ConfigFiles())
		if err != nil {
			return nil, err
		}
		if config.DetachKeys != nil {
			asked = *config.DetachKeys
		}
	}
	return libexec.ParseDetachKeys(asked)
}

// useCgroups settles who makes the container's cgroup, and tells the runtime. What
// containers.conf says is a wish: without systemd there is another way.
func (l *launcher) useCgroups() error {
	e := &l.o.Exec
	if e.CgroupManager == "" && e.Cgroups == "" {
		if e.CgroupManager = l.runtime.CgroupManager; e.CgroupManager == libexec.ManagerSystemd {
			if runtime, err := l.runtime.ForCgroups(e); err == nil {
				l.runtime = runtime
				return nil
			}
			l.o.note("containers.conf: cgroup_manager systemd: systemd does not run here; cgroupfs is used")
		}
		e.CgroupManager = "" // cgroupfs
	}
	runtime, err := l.runtime.ForCgroups(e)
	if err == nil {
		l.runtime = runtime
	}
	return err
}

// stopper ends what the runtime has of a container whose command was killed, and
// takes it off its networks.
func stopper(store *libstorage.Store) libstorage.StopFunc {
	return func(ctx context.Context, c libstorage.ContainerInfo) error {
		r, err := runtimeOf(ctx, store, c.RunDir, c.Record.Runtime)
		if errors.Is(err, libexec.ErrRuntimeNotFound) && c.Record.Runtime != "" {
			// It was removed meanwhile. Any other ends the processes, by the cgroup.
			r, err = runtimeOf(ctx, store, c.RunDir, "")
		}
		if err != nil {
			return err
		}
		if err := r.Delete(ctx, libexec.Container{ID: c.Record.ID, Bundle: c.RunDir}); err != nil {
			return err
		}
		return leaveNetworks(ctx, store, &c)
	}
}

// Sweep removes what commands left that were killed.
func Sweep(ctx context.Context, store *libstorage.Store) error {
	_, err := store.Sweep(ctx, stopper(store))
	return err
}
