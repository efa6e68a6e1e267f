// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

// Run runs a container to its end. An error is ours or the runtime's; how the
// container ended is in the Exit.
//
// When Run returns, nothing of an o.Remove container is left, and nothing of
// one that could not be started. Any other container keeps its directory, with
// the exit code in its record.
func Run(ctx context.Context, store *libstorage.Store, o Options) (libexec.Exit, error) {
	// While our own container is made and runs. What cannot be removed now is
	// left to the next command.
	swept := make(chan error, 1)
	go func() { swept <- Sweep(context.WithoutCancel(ctx), store) }()
	exit, err := (&launcher{store: store, o: &o}).run(ctx)
	if serr := <-swept; serr != nil {
		o.note("sweep: " + serr.Error())
	}
	return exit, err
}

// launcher carries what the steps of Run share.
type launcher struct {
	store     *libstorage.Store
	o         *Options
	runtime   *libexec.Runtime
	config    v1.ImageConfig
	container *libstorage.Container
	spec      *specs.Spec
	cidFile   bool // we have written it
}

func (o *Options) note(message string) {
	if o.Exec.Debug != nil {
		o.Exec.Debug(message)
	}
}

func (l *launcher) run(ctx context.Context) (exit libexec.Exit, err error) {
	if err := checkCIDFile(l.o.CIDFile); err != nil {
		return exit, err
	}
	if root := l.store.Root(); l.store.ReadOnly() {
		return exit, errclass.New(errclass.Conflict, root, fmt.Errorf("store %s: %w", root, libstorage.ErrReadOnly))
	}
	create := libstorage.ContainerOptions{
		Name: l.o.Name, Replace: l.o.Replace, Stop: removing(l.store, StopOptions{}), Ephemeral: l.o.Remove,
		Rootfs: l.o.Rootfs, RootfsOverlay: l.o.RootfsOverlay, Annotations: l.o.Exec.Annotations,
	}
	if l.o.Rootfs == "" {
		image, err := resolve(ctx, l.store, l.o)
		if err != nil {
			return exit, err
		}
		config, err := l.store.Config(ctx, image.ID)
		if err != nil {
			return exit, err
		}
		l.config = config.Config
		create.ImageID, create.ImageName = image.ID, l.o.Image
	}
	if create.Volumes, err = l.claimVolumes(ctx); err != nil {
		return exit, err
	}
	l.o.StopSignal = l.stopSignal()
	if create.Config, err = json.Marshal(&l.o.Config); err != nil {
		return exit, fmt.Errorf("internal error: %w", err)
	}
	create.Labels = merged(l.config.Labels, l.o.Labels)
	if l.runtime, err = findRuntime(ctx, l.store, l.o.Runtime); err != nil {
		return exit, err
	}
	create.Runtime = l.runtime.Path
	if l.container, err = l.store.CreateContainer(ctx, create); err != nil {
		return exit, err
	}
	// From here on there is something to undo, whatever ends us.
	defer func() {
		err = errors.Join(err, l.finish(context.WithoutCancel(ctx), exit, err))
	}()
	if err := l.prepare(ctx); err != nil {
		return exit, err
	}
	return l.attached(ctx)
}

// prepare makes the root file system and the bundle.
func (l *launcher) prepare(ctx context.Context) error {
	c, o := l.container, l.o
	if o.CIDFile != "" {
		if err := writeCIDFile(o.CIDFile, c.ID()); err != nil {
			return err
		}
		l.cidFile = true
	}
	path, err := c.Rootfs().Mount(ctx)
	if err != nil {
		return err
	}
	o.Exec.ID, o.Exec.Name, o.Exec.RunDir = c.ID(), c.Name(), c.RunDir()
	if o.Exec.Terminal {
		if size := libexec.TerminalSize(o.Stdio.In, o.Stdio.Out); size != nil {
			o.Exec.ConsoleWidth, o.Exec.ConsoleHeight = size.Width, size.Height
		}
	}
	if err := l.volumes(ctx, path); err != nil {
		return err
	}
	if l.spec, err = libexec.NewSpec(path, &l.config, o.Exec); err != nil {
		return err
	}
	l.runtime.UseCompiledFilter(ctx, l.spec, &o.Exec)
	data, err := libexec.EncodeSpec(l.spec)
	if err != nil {
		return fmt.Errorf("container %s: write config.json: %w", c.ID(), err)
	}
	if err := os.WriteFile(filepath.Join(c.RunDir(), "config.json"), data, 0o600); err != nil {
		return fmt.Errorf("container %s: %w", c.ID(), err)
	}
	return c.Ready(ctx)
}

// attached runs the bundle with the caller's own descriptors.
func (l *launcher) attached(ctx context.Context) (libexec.Exit, error) {
	if l.o.Signals != nil {
		ctx = context.WithoutCancel(ctx)
	}
	run := libexec.RunOptions{
		Stdio: l.o.Stdio, Terminal: l.o.Exec.Terminal, Signals: l.o.Signals,
		StopSignal: l.o.StopSignal, StopTimeout: l.o.StopTimeout, Timeout: l.o.Timeout,
		User: &l.spec.Process.User, Args: l.spec.Process.Args, OnStart: l.started,
	}
	return l.runtime.Run(ctx, l.bundle(), run)
}

func (l *launcher) bundle() libexec.Container {
	return libexec.Container{ID: l.container.ID(), Bundle: l.container.RunDir()}
}

// started notes the container's process, so that it can be found if we are
// killed.
func (l *launcher) started(p libexec.Process) error {
	err := l.container.Update(func(r *libstorage.Record) {
		r.Command = l.spec.Process.Args
		_ = r.Started(p.Pid) // one that is gone already needs no finding
	})
	if err == nil && l.o.PIDFile != "" {
		err = replaceFile(l.o.PIDFile, fmt.Sprint(p.Pid))
	}
	return err
}

// finish removes the container, or keeps what is to be kept of it.
func (l *launcher) finish(ctx context.Context, exit libexec.Exit, failure error) error {
	c := l.container
	defer func() {
		for _, note := range c.Notes() {
			l.o.note(note.Error())
		}
	}()
	if l.o.Remove || !exit.Started {
		err := c.Remove(ctx)
		if l.cidFile && (failure != nil || !exit.Started) {
			_ = os.Remove(l.o.CIDFile)
		}
		return err
	}
	err := c.Update(func(r *libstorage.Record) { r.Exit(exit.Code) })
	return errors.Join(err, c.Cleanup(), c.Close())
}

func (l *launcher) stopSignal() syscall.Signal {
	if l.o.StopSignal != 0 {
		return l.o.StopSignal
	}
	sig, err := libexec.ParseSignal(l.config.StopSignal)
	if err != nil {
		l.o.note("image: stop signal: " + err.Error())
	}
	if sig == 0 {
		return syscall.SIGTERM
	}
	return sig
}

// merged is a with b over it.
func merged(a, b map[string]string) map[string]string {
	if len(a) == 0 {
		return b
	}
	m := make(map[string]string, len(a)+len(b))
	for k, v := range a {
		m[k] = v
	}
	for k, v := range b {
		m[k] = v
	}
	return m
}

// checkCIDFile refuses an existing file before anything is made.
func checkCIDFile(path string) error {
	if path == "" {
		return nil
	}
	if _, err := os.Lstat(path); err == nil {
		return errclass.New(errclass.Conflict, path, fmt.Errorf("container ID file %s exists", path))
	} else if !errors.Is(err, os.ErrNotExist) {
		return errclass.New(errclass.Usage, path, fmt.Errorf("container ID file: %w", err))
	}
	return nil
}

// writeCIDFile makes the file, which somebody may have made since it was
// checked.
func writeCIDFile(path, id string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err == nil {
		_, err = f.WriteString(id)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("container ID file: %w", err)
	}
	return nil
}

// replaceFile writes a small file for others to read, whole or not at all.
func replaceFile(path, content string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already when it was renamed
	_, err = tmp.WriteString(content)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
