// SPDX-License-Identifier: Apache-2.0

package sdnotify

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// manager listens as systemd does, and gives each message with the descriptors that
// came with it.
func manager(t *testing.T) (socket string, receive func() (string, []int)) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "notify")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: socket}); err != nil {
		t.Fatal(err)
	}
	return socket, func() (string, []int) {
		message, rights := make([]byte, 4096), make([]byte, 256)
		n, rn, _, _, err := unix.Recvmsg(fd, message, rights, unix.MSG_CMSG_CLOEXEC)
		if err != nil {
			t.Error(err)
			return "", nil
		}
		var fds []int
		if parts, err := unix.ParseSocketControlMessage(rights[:rn]); err == nil && len(parts) == 1 {
			fds, _ = unix.ParseUnixRights(&parts[0])
		}
		return string(message[:n]), fds
	}
}

func TestSend(t *testing.T) {
	socket, receive := manager(t)
	if err := Send(socket, "MAINPID=42", "READY=1"); err != nil {
		t.Fatal(err)
	}
	if got, _ := receive(); got != "MAINPID=42\nREADY=1" {
		t.Errorf("%q", got)
	}
	for _, wrong := range []string{"", "relative", filepath.Join(t.TempDir(), "none")} {
		if Send(wrong, "READY=1") == nil {
			t.Errorf("%q: no error", wrong)
		}
	}
}

func TestBarrier(t *testing.T) {
	socket, receive := manager(t)
	over := make(chan error, 1)
	go func() { over <- Barrier(t.Context(), socket, time.Hour) }()
	message, fds := receive()
	if message != "BARRIER=1" || len(fds) != 1 {
		t.Fatalf("%q with %d descriptors", message, len(fds))
	}
	select {
	case err := <-over:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	unix.Close(fds[0])
	if err := <-over; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if Barrier(ctx, socket, time.Hour) == nil {
		t.Error("cancelled: no error")
	}
}
