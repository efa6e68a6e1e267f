// SPDX-License-Identifier: Apache-2.0

package images

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// machinePackages are what a machine with systemd and containers needs.
var machinePackages = []string{
	"systemd", "systemd-sysv", "dbus", "dbus-user-session", "libpam-systemd", "uidmap", "passt", "crun", "runc", "busybox-static", "procps",
}

// Machine is the root file system of a Debian that boots with systemd, below
// cache, made once. It is not to be written to.
func Machine(ctx context.Context, cache string) (dir string, err error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	dir = filepath.Join(cache, "machine")
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	tarball, part := filepath.Join(cache, "machine.tar"), dir+".part"
	if err := bootstrap(ctx, debianSuite(), tarball, machinePackages...); err != nil {
		return "", err
	}
	defer os.Remove(tarball)
	if err := os.RemoveAll(part); err != nil {
		return "", err
	}
	if err := os.MkdirAll(part, 0o755); err != nil {
		return "", err
	}
	if out, err := exec.CommandContext(ctx, "tar", "-C", part, "-xf", tarball).CombinedOutput(); err != nil {
		return "", fmt.Errorf("tar: %w: %s", err, out)
	}
	return dir, os.Rename(part, dir)
}
