// SPDX-License-Identifier: Apache-2.0

package userns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/tug-containers/tug/internal/errclass"
	"golang.org/x/sys/unix"
)

// namespaces are a user namespace and a mount namespace of it, by descriptors; -1
// for a mount namespace that is to be made.
type namespaces struct{ user, mount int }

func (ns *namespaces) close() {
	_ = unix.Close(ns.user)
	if ns.mount >= 0 {
		_ = unix.Close(ns.mount)
	}
}

// open opens those of a process.
func open(pid int) (*namespaces, error) {
	user, err := openOne(pid, "user")
	if err != nil {
		return nil, err
	}
	mount, err := openOne(pid, "mnt")
	if err != nil {
		return nil, errors.Join(err, unix.Close(user))
	}
	return &namespaces{user, mount}, nil
}

func openOne(pid int, kind string) (int, error) {
	path := "/proc/" + strconv.Itoa(pid) + "/ns/" + kind
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, nil
}

// holderName is what the child that create clones is called: this program, which
// then does nothing but wait.
const holderName = "tug-userns"

// Hold is that child's whole life. In any other process it returns at once.
func Hold() {
	if os.Args[0] != holderName {
		return
	}
	_, _ = os.Stdin.Read(make([]byte, 1)) // until our parent has done with us
	os.Exit(0)
}

// create makes new namespaces, with the maps of this user.
func create(ctx context.Context) (*namespaces, error) {
	maps, err := mapsOf(os.Geteuid(), os.Getegid())
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = []string{holderName}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	if maps.single {
		cmd.SysProcAttr.UidMappings = maps.uids.direct()
		cmd.SysProcAttr.GidMappings = maps.gids.direct()
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, cloneError(err)
	}
	var ns *namespaces
	if !maps.single {
		err = maps.write(ctx, cmd.Process.Pid)
	}
	if err == nil {
		ns, err = open(cmd.Process.Pid)
	}
	_ = stdin.Close()
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
	return ns, err
}

// cloneError says what may be in the way.
func cloneError(err error) error {
	hint := ""
	switch {
	case errors.Is(err, unix.ENOSPC):
		hint = ": sysctl user.max_user_namespaces, or user.max_mnt_namespaces, is too low"
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		hint = ": this host does not let users make namespaces: see the sysctls kernel.unprivileged_userns_clone " +
			"and kernel.apparmor_restrict_unprivileged_userns"
	case errors.Is(err, unix.EINVAL):
		hint = ": the kernel has no user namespaces"
	}
	return errclass.New(errclass.Unsupported, "user namespace", fmt.Errorf("clone: %w%s", err, hint))
}

// ours tells a user namespace that this user has made from the one we are in, and
// from others'.
func ours(fd int) bool {
	owner, err := unix.IoctlGetUint32(fd, unix.NS_GET_OWNER_UID)
	if err != nil || int(owner) != os.Geteuid() {
		return false
	}
	var that, own unix.Stat_t
	return unix.Fstat(fd, &that) == nil && unix.Stat("/proc/self/ns/user", &own) == nil && that.Ino != own.Ino
}
