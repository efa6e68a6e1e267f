// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// overlay mounts one as a container's would be: on the file system of the graph
// root, for users in a namespace of their own.
func overlay(ctx context.Context, v *View) Finding {
	places, err := v.places()
	if err != nil {
		return broken("", "%v", err)
	}
	if places.driver != "" && places.driver != "overlay" {
		return limited("", "the driver is %s: containers do not share files as with overlay", places.driver)
	}
	dir, err := scratch(places.root)
	if err != nil {
		return limited("", "no place to try it: %v", err)
	}
	defer os.RemoveAll(dir)
	how := "native"
	if !v.root() {
		how = "native, in a user namespace (userxattr)"
	}
	err = v.inNamespaces(ctx, trialOverlay, dir)
	if err == nil {
		return ok("%s, on %s", how, kindOf(places.root))
	}
	refused := fmt.Sprintf("not native on %s (%s)", kindOf(places.root), oneLine(err))
	fuse, command := v.fuseOverlay()
	if !fileSystem("overlay") {
		command = v.sudo("modprobe overlay")
	}
	switch {
	case fuse == "":
		return limited(command, "%s: fuse-overlayfs does it, slower", refused)
	case places.driver == "overlay" && v.root():
		return broken(command, "%s, %s, and storage.conf asks for overlay", refused, fuse)
	default:
		return limited(command, "%s, %s: each layer is a whole copy (vfs)", refused, fuse)
	}
}

// fuseOverlay says why there is no fuse-overlayfs, and what mends that.
func (v *View) fuseOverlay() (why, command string) {
	const name = "fuse-overlayfs"
	switch {
	case v.lookPath(name) == "":
		return "and no " + name, v.install(packages{name, name, name, name, name})
	case unix.Access("/dev/fuse", unix.F_OK) != nil:
		return "and no /dev/fuse", v.sudo("modprobe fuse")
	case unix.Access("/dev/fuse", unix.R_OK|unix.W_OK) != nil:
		return "and /dev/fuse cannot be opened", v.sudo("chmod 666 /dev/fuse")
	}
	return "", ""
}

// fileSystem tells whether the kernel knows one now.
func fileSystem(name string) bool {
	data, err := os.ReadFile("/proc/filesystems")
	return err != nil || strings.Contains("\n"+string(data), "\t"+name+"\n")
}

// scratch makes a directory in root, or where root would be made.
func scratch(root string) (string, error) {
	return os.MkdirTemp(existing(root), ".tug-doctor-")
}

// existing is path, or the first directory above it that is there.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == "/" {
			return path
		}
		path = filepath.Dir(path)
	}
}

// mountOverlay is the trial: a file of the lower directory is replaced, another
// removed, as images do it.
func mountOverlay(dir string, user bool) error {
	for _, name := range []string{"lower", "lower/gone", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "lower/file"), []byte("lower"), 0o600); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	options := "lowerdir=lower,upperdir=upper,workdir=work"
	if user {
		options += ",userxattr"
	}
	if err := os.Chdir(dir); err != nil {
		return err
	}
	if err := unix.Mount("overlay", "merged", "overlay", 0, options); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	return errors.Join(os.WriteFile("merged/file", []byte("upper"), 0o600), os.Remove("merged/gone"), os.Mkdir("merged/gone", 0o700))
}

// ownNamespaces are where a trial happens: what it mounts goes with it.
func (v *View) ownNamespaces() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if !v.root() {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: v.uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return attr
}
