// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// userNamespaces looks at what may forbid them, and then makes one.
func userNamespaces(_ context.Context, v *View) Finding {
	if n, there := readSetting("/proc/sys/user/max_user_namespaces"); there && n == "0" {
		return v.forUsers(v.sysctl("user.max_user_namespaces", "15000"), "user.max_user_namespaces is 0: none may be made")
	}
	if n, there := readSetting("/proc/sys/kernel/unprivileged_userns_clone"); there && n == "0" {
		return v.forUsers(v.sysctl("kernel.unprivileged_userns_clone", "1"), "kernel.unprivileged_userns_clone is 0: users may make none")
	}
	if _, err := os.Lstat("/proc/self/ns/user"); err != nil {
		return v.forUsers("", "this kernel has no user namespaces: install one with CONFIG_USER_NS")
	}
	switch err := tryUserNamespace(); {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EUSERS):
		return v.forUsers(v.sysctl("user.max_user_namespaces", "15000"), "there are as many user namespaces as may be")
	case err != nil:
		return v.forUsers("", "making a user namespace: %v: a security module, a sandbox or a chroot forbids it", err)
	}
	return ok("one can be made")
}

// tryUserNamespace makes one for a program that is not there: what comes before
// that is discovered must have worked.
func tryUserNamespace() error {
	cmd := syscall.ProcAttr{Sys: &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}}
	_, err := syscall.ForkExec("/proc/self/none", []string{"none"}, &cmd)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// appArmor looks at Ubuntu's way to let users make namespaces in which they
// have no capabilities.
func appArmor(_ context.Context, v *View) Finding {
	const key = "kernel.apparmor_restrict_unprivileged_userns"
	if n, there := readSetting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"); there && n != "0" {
		return v.forUsers(v.sysctl(key, "0"), "%s is %s: users have no capabilities in their namespaces", key, n)
	}
	return ok("does not restrict user namespaces")
}
