// SPDX-License-Identifier: Apache-2.0

// Package tenant knows which processes live in the user namespace of a store.
// They say so by a lock on one file, which ends with them however they end; and
// the kernel tells who holds such a lock. Three bytes of the file are
// locked:
//
//	door    shared by who is about to enter the namespace that there is, and
//	        held alone by who makes one: nobody makes a second one meanwhile
//	inside  shared by all that live in it
//	list    held by who writes into the file
//
// The file lists processes of containers. They live in the namespace as well, but
// hold no lock; when a monitor is killed they may be the last that do.
//
// These are the old locks of POSIX, for three of their properties: they survive
// exec(2), they are not inherited by fork(2), and F_GETLK names a holder's pid. The
// fourth, that closing any descriptor of the file drops them, is why a process
// opens it once.
//
// The package is a part of tug-monitor, and so needs little.
package tenant

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Name is the file's, in the directory "tug" of a graph root.
const Name = "namespace"

// File is the file, open. It has no finalizer: the locks last until Close, or as
// long as the process.
type File struct {
	fd   int
	path string
}

const (
	door   = 0
	inside = 1
	list   = 2
)

// Open opens the file, and makes it where there is none. The descriptor is
// close-on-exec.
func Open(path string) (File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return File{}, err
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return File{}, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return File{fd, path}, nil
}

// Inherited is the file whose descriptor came through exec(2) with its locks. It is
// close-on-exec from now on.
func Inherited(fd int) File {
	unix.CloseOnExec(fd)
	return File{fd, Name}
}

// Descriptor is that of the file, which the next program will inherit.
func (t File) Descriptor() (int, error) {
	_, err := unix.FcntlInt(uintptr(t.fd), unix.F_SETFD, 0)
	return t.fd, err
}

// Close ends all locks that the process has on the file.
func (t File) Close() error { return unix.Close(t.fd) }

// Arrive waits until nobody makes a namespace; alone, until nobody is about to
// enter either.
func (t File) Arrive(ctx context.Context, alone bool) error {
	kind := int16(unix.F_RDLCK)
	if alone {
		kind = unix.F_WRLCK
	}
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := t.set(door, kind)
		if err != unix.EAGAIN && err != unix.EACCES {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: locked by process %d: %w", t.path, t.holder(door), context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// Leave lets others in that wait for what we do at the door.
func (t File) Leave() error { return t.set(door, unix.F_UNLCK) }

// Live says that this process lives in the namespace, to its end.
func (t File) Live() error { return t.set(inside, unix.F_RDLCK) }

// Tenant is the pid of one that lives there; 0 for none that we can see.
func (t File) Tenant() int { return t.holder(inside) }

func (t File) set(at int64, kind int16) error {
	lock := unix.Flock_t{Type: kind, Start: at, Len: 1}
	for {
		if err := unix.FcntlFlock(uintptr(t.fd), unix.F_SETLK, &lock); err != unix.EINTR {
			return err
		}
	}
}

func (t File) holder(at int64) int {
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: at, Len: 1}
	if err := unix.FcntlFlock(uintptr(t.fd), unix.F_GETLK, &lock); err != nil || lock.Type == unix.F_UNLCK {
		return 0
	}
	return int(lock.Pid)
}
