// SPDX-License-Identifier: Apache-2.0

// Package sdnotify tells the service manager about a service, as sd_notify(3)
// describes it.
package sdnotify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Env is the variable that names the manager's socket: a path, or with an @ as its
// first byte an abstract address.
const Env = "NOTIFY_SOCKET"

// Send sends assignments (READY=1) to the manager at socket, in one message.
func Send(socket string, assignments ...string) error {
	return send(socket, strings.Join(assignments, "\n"), nil)
}

// Barrier returns when the manager has acted on all that this process has sent: one
// that ends before is not known any more when its message is read. Managers before
// systemd 246 know nothing of it; limit bounds the wait.
func Barrier(ctx context.Context, socket string, limit time.Duration) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	err = send(socket, "BARRIER=1", w)
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	if err := r.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = r.SetReadDeadline(time.Unix(1, 0)) })()
	_, _ = r.Read(make([]byte, 1)) // its end is the answer, and so is the end of our patience
	return context.Cause(ctx)
}

func send(socket, message string, pass *os.File) error {
	if socket == "" || socket[0] != '/' && socket[0] != '@' {
		return fmt.Errorf("%s %q: neither a path nor an abstract address", Env, socket)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	var rights []byte
	if pass != nil {
		rights = unix.UnixRights(int(pass.Fd()))
	}
	for {
		err := unix.Sendmsg(fd, []byte(message), rights, &unix.SockaddrUnix{Name: socket}, unix.MSG_NOSIGNAL)
		if !errors.Is(err, unix.EINTR) {
			if err != nil {
				err = fmt.Errorf("%s %s: %w", Env, socket, err)
			}
			return err
		}
	}
}
