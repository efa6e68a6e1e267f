// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"syscall"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libexec/monitor"
	"github.com/tug-containers/tug/libstorage"
)

// Create makes a container that Start can start, and gives its ID. o.Remove
// removes it when it has ended.
func Create(ctx context.Context, store *libstorage.Store, o Options) (string, error) {
	if err := Sweep(ctx, store); err != nil {
		o.note("sweep: " + err.Error())
	}
	l := &launcher{store: store, o: &o}
	if err := l.create(ctx, libstorage.ContainerOptions{AutoRemove: o.Remove}); err != nil {
		return "", err
	}
	// The image must stay until the start.
	if err := l.container.Ready(ctx); err != nil {
		return "", errors.Join(err, l.discard(context.WithoutCancel(ctx), true))
	}
	return l.container.ID(), l.container.Close()
}

// create makes the container with its record, and nothing that runs.
func (l *launcher) create(ctx context.Context, create libstorage.ContainerOptions) error {
	if err := checkCIDFile(l.o.CIDFile); err != nil {
		return err
	}
	if root := l.store.Root(); l.store.ReadOnly() {
		return errclass.New(errclass.Conflict, root, fmt.Errorf("store %s: %w", root, libstorage.ErrReadOnly))
	}
	create.Name, create.Replace, create.Stop = l.o.Name, l.o.Replace, removing(l.store, StopOptions{})
	create.Rootfs, create.RootfsOverlay, create.Annotations = l.o.Rootfs, l.o.RootfsOverlay, l.o.Exec.Annotations
	if l.o.Rootfs == "" {
		image, err := resolve(ctx, l.store, l.o)
		if err != nil {
			return err
		}
		create.ImageID, create.ImageName = image.ID, fullName(ctx, l.store, l.o.Image)
		if err := l.readImage(ctx, image.ID); err != nil {
			return err
		}
	}
	var err error
	if create.Volumes, err = l.claimVolumes(ctx); err != nil {
		return err
	}
	if err := l.claimNetworks(ctx); err != nil {
		return err
	}
	l.o.StopSignal = l.stopSignal()
	if l.o.Health, err = resolveHealth(l.o.Health, l.imageHealth); err != nil {
		return err
	}
	switch s := l.o.Service; {
	case s == nil:
	case !s.Watched:
		l.o.Health = nil // nobody stays for a check that only the image asks for
	case l.o.Health.None():
		return errclass.New(errclass.Usage, "--sdnotify", errors.New("--sdnotify healthy: neither --health-cmd nor the image has a health check"))
	case l.o.Health.manual():
		return errclass.New(errclass.Usage, "--health-interval", errors.New("--health-interval disable: not together with --supervised: nobody else runs the check"))
	case l.o.Health.OnFailure == monitor.HealthRestart:
		return errclass.New(errclass.Usage, "--health-on-failure", errors.New("health check: not restart together with --supervised: kill, and Restart= of the unit"))
	}
	if l.runtime, err = findRuntime(ctx, l.store, l.o.Runtime); err != nil {
		return err
	}
	advise(ctx, l.runtime, l.o.Warn)
	if l.o.Service != nil {
		l.joinUnit()
	}
	if err := l.useCgroups(); err != nil {
		return err
	}
	if err := l.userNamespace(ctx, &create); err != nil {
		return err
	}
	if l.o.Exec.KeepGroups && l.runtime.Name != "crun" {
		return errclass.New(errclass.Unsupported, "--group-add", fmt.Errorf("--group-add keep-groups: %s cannot do that, crun can", l.runtime.Name))
	}
	create.Command, create.Labels = l.o.Exec.Args(&l.config), merged(imageLabels(l.config.Labels), l.o.Labels)
	if create.Config, err = json.Marshal(&l.o.Config); err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	create.Runtime = l.runtime.Path
	if l.container, err = l.store.CreateContainer(ctx, create); err != nil {
		return err
	}
	if l.o.CIDFile != "" {
		if err := writeCIDFile(l.o.CIDFile, l.container.ID()); err != nil {
			return errors.Join(err, l.container.Remove(ctx))
		}
		l.cidFile = true
	}
	info := l.info()
	Note(l.store, &info, "create")
	return nil
}

func (l *launcher) readImage(ctx context.Context, id string) error {
	config, raw, err := l.store.BothConfigs(ctx, id)
	if err != nil {
		return err
	}
	l.config = config.Config
	l.imageHealth, err = imageHealth(raw)
	return err
}

func (l *launcher) info() libstorage.ContainerInfo {
	c := l.container
	return libstorage.ContainerInfo{Record: c.Record(), Dir: c.Dir(), RunDir: c.RunDir()}
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

// imageLabels are those of an image, without what would have its container kept
// current: that is for who runs it to say.
func imageLabels(labels map[string]string) map[string]string {
	const asks = "io.containers.autoupdate"
	if _, ok := labels[asks]; !ok {
		return labels
	}
	labels = maps.Clone(labels)
	maps.DeleteFunc(labels, func(name, _ string) bool { return strings.HasPrefix(name, asks) })
	return labels
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
