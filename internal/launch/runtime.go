// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"os"
	"path/filepath"

	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

// findRuntime finds the runtime called name, or the one to use by default.
func (l *launcher) findRuntime(ctx context.Context, name string) (*libexec.Runtime, error) {
	config, err := libexec.ReadRuntimeConfig(libexec.RuntimeConfigFiles(os.Getenv, os.Getuid()))
	if err != nil {
		return nil, err
	}
	return libexec.FindRuntime(ctx, libexec.RuntimeOptions{
		Name: name, Config: config, Path: os.Getenv("PATH"), Env: libexec.RuntimeEnv(os.Environ()),
		StateDir:   filepath.Join(l.store.RunRoot(), "tug", "runtime"),
		ScratchDir: filepath.Join(l.store.Root(), "tug"),
	})
}

// stop ends what the runtime has of a container whose command was killed.
func (l *launcher) stop(ctx context.Context, c libstorage.ContainerInfo) error {
	r, err := l.findRuntime(ctx, c.Record.Runtime)
	if err != nil {
		return err
	}
	return r.Delete(ctx, libexec.Container{ID: c.Record.ID, Bundle: c.RunDir})
}

// sweep removes, while our own container is made and runs, what commands left
// that were killed. What cannot be removed now is left to the next one.
func (l *launcher) sweep(ctx context.Context) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := l.store.Sweep(ctx, l.stop)
		done <- err
	}()
	return done
}
