// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

// A namespace that is shared with another container is opened by way of that
// container's process, looked at once more, and mounted in our run directory. What
// the runtime joins is that mount: it is the same namespace also when the process is
// gone by then, and its number somebody else's.

// share finds the namespaces that the container has in common with others, at every
// start.
func (l *launcher) share(ctx context.Context) error {
	e := &l.o.Exec
	for _, n := range []struct {
		flag, kind string
		of         *libexec.Namespace
	}{
		{"--ipc", "ipc", &e.IPC}, {"--pid", "pid", &e.PID}, {"--uts", "uts", &e.UTS}, {"--cgroupns", "cgroup", &e.Cgroup},
	} {
		if n.of.Mode == libexec.ShareableMode {
			shm, err := l.container.MountShm(e.ShmSize)
			if err != nil {
				return err
			}
			*n.of, e.ShmPath = libexec.Namespace{}, shm
		}
		if n.of.Mode != libexec.ContainerMode {
			continue
		}
		var err error
		if *n.of, err = l.shared(ctx, n.flag, n.kind, n.of.Path); err != nil {
			return err
		}
	}
	return l.shareUser(ctx)
}

// shareUser finds the user namespace.
func (l *launcher) shareUser(ctx context.Context) error {
	e, u := &l.o.Exec, &l.o.UserNS
	r := l.container.Record()
	if e.IDs = r.IDs; e.IDs.IsZero() {
		return nil
	}
	switch {
	case u.Path != "":
		e.UserPath = u.Path
	case u.Container != "":
		joined, err := l.shared(ctx, "--userns", "user", u.Container)
		if err != nil {
			return err
		}
		e.UserPath = joined.Path
	}
	return nil
}

// shared gives a namespace of a container that runs.
func (l *launcher) shared(ctx context.Context, flag, kind, name string) (none libexec.Namespace, err error) {
	info, err := l.store.Container(ctx, name)
	if err == nil {
		err = info.Err
	}
	if err != nil {
		return none, fmt.Errorf("%s container:%s: %w", flag, name, err)
	}
	if info.Record.State() != libstorage.Running {
		return none, errNotRunning(flag, name)
	}
	if kind == "ipc" {
		shm, err := l.shmOf(ctx, &info)
		if err != nil {
			return none, fmt.Errorf("%s container:%s: %w", flag, name, err)
		}
		l.o.Exec.ShmPath = shm
	}
	if kind == "uts" {
		if host, err := os.ReadFile(filepath.Join(info.RunDir, "hostname")); err == nil {
			l.o.Exec.SharedHostname = strings.TrimSpace(string(host))
		}
	}
	f, err := os.Open("/proc/" + strconv.Itoa(info.Record.Pid) + "/ns/" + kind)
	if errors.Is(err, os.ErrNotExist) {
		return none, errNotRunning(flag, name)
	}
	if err != nil {
		return none, fmt.Errorf("%s container:%s: %w", flag, name, err)
	}
	defer f.Close()
	// The number is still that process's: what was opened is its namespace.
	if info.Record.State() != libstorage.Running {
		return none, errNotRunning(flag, name)
	}
	if kind != "user" {
		if own, err := os.Readlink("/proc/self/ns/" + kind); err == nil {
			if theirs, err := os.Readlink(f.Name()); err == nil && theirs == own {
				return libexec.Namespace{Mode: libexec.HostMode}, nil // that container has the host's
			}
		}
	}
	path, err := l.container.BindFile(f)
	if err != nil {
		return none, fmt.Errorf("%s container:%s: %w", flag, name, err)
	}
	return libexec.Namespace{Mode: libexec.PathMode, Path: path}, nil
}

// shmOf is the /dev/shm of a container whose IPC namespace is shared; "" for the
// host's.
func (l *launcher) shmOf(ctx context.Context, info *libstorage.ContainerInfo) (string, error) {
	for range 16 {
		config, err := ReadConfig(info)
		if err != nil {
			return "", err
		}
		switch ipc := config.Exec.IPC; ipc.Mode {
		case libexec.ShareableMode:
			return info.ShmPath(), nil
		case libexec.HostMode:
			return "", nil
		case libexec.ContainerMode:
			next, err := l.store.Container(ctx, ipc.Path)
			if err != nil {
				return "", err
			}
			*info = next
		default:
			return "", errclass.New(errclass.Conflict, info.Record.Name, fmt.Errorf("container %s was not made with --ipc shareable", info.Record.Name))
		}
	}
	return "", errors.New("too many containers share it")
}
