// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
)

// NetnsPath is where the network namespace of a container is mounted.
func (s *Set) NetnsPath(id string) string { return filepath.Join(s.o.RunDir, "netns", id) }

// makeNamespace makes a namespace, and keeps it at path. One that is there
// already stays.
func makeNamespace(path string) error {
	if isNamespace(path) {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			f, err = os.OpenFile(path, os.O_RDONLY|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		}
	}
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("new network namespace: %w", err)
		}
		if err := loopback(); err != nil {
			return err
		}
		if err := unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""); err != nil {
			return &os.PathError{Op: "mount network namespace", Path: path, Err: err}
		}
		return nil
	})
}

// Sysctls sets parameters of the kernel, net.* or net/*, in a container's namespace.
func (s *Set) Sysctls(id string, values map[string]string) error {
	return inNamespace(s.NetnsPath(id), func(int) error {
		for name, value := range values {
			key := name
			if i := strings.IndexAny(name, "./"); i >= 0 && name[i] == '.' {
				key = strings.NewReplacer(".", "/", "/", ".").Replace(name)
			}
			if !filepath.IsLocal(key) || !strings.HasPrefix(filepath.Clean(key), "net/") {
				return errorf(errclass.Usage, name, "kernel parameter %q: not one of a network", shorten(name))
			}
			if err := setSysctl(key, value); err != nil {
				return err
			}
		}
		return nil
	})
}

// loopback sets up the loopback interface of the thread's namespace, which no plugin
// of others does.
func loopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return os.NewSyscallError("loopback interface", unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo))
}

// isNamespace tells a namespace from the file that it is to be mounted at.
func isNamespace(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && st.Type == unix.NSFS_MAGIC
}

// dropNamespace gives up the namespace at path. It goes when nothing is in it any
// more.
func dropNamespace(path string) error {
	// There may be more than one mount, if two processes made it.
	for {
		err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		if err == unix.EINVAL || err == unix.ENOENT {
			return ondisk.Remove(path)
		} else if err != nil {
			return &os.PathError{Op: "unmount", Path: path, Err: err}
		}
	}
}

// inNamespace calls f on a thread that is in the namespace at path.
func inNamespace(path string, f func(ns int) error) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open network namespace", Path: path, Err: err}
	}
	defer unix.Close(fd)
	return onThread(func() error {
		if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			return &os.PathError{Op: "enter network namespace", Path: path, Err: err}
		}
		return f(fd)
	})
}

// onThread calls f on a thread that is thrown away, whatever f does to it.
func onThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The first thread cannot be thrown away. As long as it is ours, another
			// one is found.
			done <- onThread(f)
			runtime.UnlockOSThread()
			return
		}
		done <- f()
	}()
	return <-done
}
