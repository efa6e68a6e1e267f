// SPDX-License-Identifier: Apache-2.0

package userns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/proc"
	"github.com/tug-containers/tug/internal/userns/tenant"
	"golang.org/x/sys/unix"
)

// entered carries through exec(2) what the process needs to know in the
// namespace: descriptors, and the working directory.
const entered = "_TUG_NAMESPACE"

// What other programs of the field know by: that we are in a namespace, and whose.
const (
	envConfigured = "_CONTAINERS_USERNS_CONFIGURED"
	envUID        = "_CONTAINERS_ROOTLESS_UID"
	envGID        = "_CONTAINERS_ROOTLESS_GID"
)

// doorLimit is how long one waits for others that are about to enter.
const doorLimit = 30 * time.Second

// Needed tells whether this process may not mount, and so has to enter a
// namespace for that.
func Needed() bool { return os.Geteuid() != 0 || !maySysAdmin() }

func maySysAdmin() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Capget(&header, &data[0]) == nil && data[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

// File is the file of the namespace that a store at root has, when this process is
// in it; else "". See package tenant.
func File(root string) string {
	if os.Getenv(envConfigured) == "" {
		return ""
	}
	return filepath.Join(root, "tug", tenant.Name)
}

// Enter brings the process into the user namespace of the store whose directory
// "tug" dir is. What it answers with is an error of the kind that can be mended:
// the text names what to do.
func Enter(ctx context.Context, dir string) error {
	if value := os.Getenv(entered); value != "" {
		return settle(value)
	}
	if !Needed() {
		return nil
	}
	t, err := tenant.Open(filepath.Join(dir, tenant.Name))
	if err != nil {
		return errclass.New(errclass.Internal, dir, fmt.Errorf("user namespace: %w", err))
	}
	defer t.Close() // of interest only when we stay
	ns, err := find(ctx, t)
	if err != nil {
		return fmt.Errorf("user namespace: %w", err)
	}
	return fmt.Errorf("user namespace: %w", become(t, ns))
}

// find gives the namespaces of the store, or new ones. The door is ours then.
func find(ctx context.Context, t tenant.File) (*namespaces, error) {
	limited, cancel := context.WithTimeout(ctx, doorLimit)
	defer cancel()
	if err := t.Arrive(limited, false); err != nil {
		return nil, err
	}
	ns, err := ofTenant(t)
	if err != nil || ns != nil {
		return ns, err
	}
	if err := t.Leave(); err != nil {
		return nil, err
	}
	if err := t.Arrive(limited, true); err != nil {
		return nil, err
	}
	if ns, err = ofTenant(t); err != nil || ns != nil {
		return ns, err
	}
	if ns, err = ofListed(t); err != nil || ns != nil {
		return ns, err
	}
	return create(ctx)
}

// ofListed gives the user namespace of a container whose monitor was killed. The
// mounts are gone with that, so a new mount namespace goes with it.
func ofListed(t tenant.File) (*namespaces, error) {
	listed, err := t.Listed()
	if err != nil || len(listed) == 0 {
		return nil, err
	}
	for _, p := range slices.Backward(listed) {
		if proc.StartTime(p.Pid) != p.StartTime {
			continue
		}
		user, err := openOne(p.Pid, "user")
		if err != nil {
			continue
		}
		if proc.StartTime(p.Pid) == p.StartTime && ours(user) {
			return &namespaces{user, -1}, nil
		}
		_ = unix.Close(user)
	}
	return nil, t.Forget()
}

// ofTenant gives the namespaces of those that live there; nil when nobody does.
func ofTenant(t tenant.File) (*namespaces, error) {
	for range 100 {
		pid := t.Tenant()
		if pid <= 0 {
			return nil, nil
		}
		ns, err := open(pid)
		// While it still holds the lock its pid is nobody else's.
		if err == nil && t.Tenant() == pid {
			return ns, nil
		}
		if err == nil {
			ns.close()
		} else if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ESRCH) {
			return nil, fmt.Errorf("of process %d: %w", pid, err)
		}
		time.Sleep(time.Millisecond) // it is ending, or another has come
	}
	return nil, errors.New("the processes in it change faster than one can follow")
}

// become executes this program again in the namespaces. It returns only when it
// cannot.
func become(t tenant.File, ns *namespaces) error {
	nsenter, err := lookPath("nsenter", "util-linux")
	if err != nil {
		return err
	}
	self, err := executable()
	if err != nil {
		return err
	}
	lock, err := t.Descriptor()
	if err != nil {
		return err
	}
	cwd, _ := os.Getwd() // may be gone, or not for us
	for _, fd := range []int{ns.user, ns.mount} {
		if fd < 0 {
			continue
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return err
		}
	}
	for key, value := range map[string]string{
		entered:       fmt.Sprintf("%d,%d,%d,%s", lock, ns.user, ns.mount, cwd),
		envConfigured: "done", envUID: strconv.Itoa(os.Geteuid()), envGID: strconv.Itoa(os.Getegid()),
	} {
		if err := os.Setenv(key, value); err != nil {
			return err
		}
	}
	args := []string{nsenter, "--preserve-credentials", "--user=/proc/self/fd/" + strconv.Itoa(ns.user)}
	if ns.mount >= 0 {
		args = append(args, "--mount=/proc/self/fd/"+strconv.Itoa(ns.mount), "--", self)
	} else {
		unshare, err := lookPath("unshare", "util-linux")
		if err != nil {
			return err
		}
		args = append(args, "--", unshare, "--mount", "--propagation=slave", "--", self)
	}
	args = append(args, os.Args[1:]...)
	return fmt.Errorf("execute %s: %w", nsenter, unix.Exec(nsenter, args, os.Environ()))
}

// settle is the rest of the way, when the process has come in.
func settle(value string) error {
	if err := os.Unsetenv(entered); err != nil {
		return err
	}
	parts := strings.SplitN(value, ",", 4)
	var fds [3]int
	for i := range fds {
		fd, err := 0, error(nil)
		if i < len(parts) {
			fd, err = strconv.Atoi(parts[i])
		}
		if err != nil || len(parts) != 4 || fd < -1 {
			return errclass.New(errclass.Usage, entered, fmt.Errorf("environment variable %s=%q: not ours", entered, value))
		}
		fds[i] = fd
	}
	t := tenant.Inherited(fds[0])
	if err := errors.Join(t.Live(), t.Leave()); err != nil {
		return fmt.Errorf("user namespace: %w", err)
	}
	for _, fd := range fds[1:] {
		_ = unix.Close(fd)
	}
	if err := os.Chdir(parts[3]); err != nil {
		// A directory that has nothing in it, and takes nothing: a relative path
		// must not mean another file than it did.
		return os.Chdir("/proc/self/fdinfo")
	}
	return nil
}
