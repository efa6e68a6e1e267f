// SPDX-License-Identifier: Apache-2.0

package rootfs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Unmount takes away what is mounted on target, layer after layer where
// several are. Nothing there is no error. What is in use is detached, and
// reported by a *BusyError.
func Unmount(target string) error {
	var busy error
	for {
		err := unix.Unmount(target, unix.UMOUNT_NOFOLLOW)
		switch {
		case err == nil:
			continue
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT):
			return busy
		case errors.Is(err, unix.EBUSY):
			e := &BusyError{Target: target, Users: UsersOf(target)}
			if err = unix.Unmount(target, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err == nil {
				busy = e
				continue
			}
		}
		return fmt.Errorf("unmount %s: %w", target, err)
	}
}

// Mounted tells whether something is mounted on target, a directory.
func Mounted(target string) bool {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, target, unix.AT_SYMLINK_NOFOLLOW, 0, &st)
	return err == nil && st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}

// UsersOf names some of the processes that use what is below target.
func UsersOf(target string) []string {
	var users []string
	procs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	for _, proc := range procs {
		if len(users) == 4 {
			break
		}
		if uses(proc, target) {
			comm, _ := os.ReadFile(proc + "/comm")
			users = append(users, fmt.Sprintf("%s (%q)", filepath.Base(proc), strings.TrimSpace(string(comm))))
		}
	}
	return users
}

func uses(proc, target string) bool {
	links := []string{proc + "/cwd", proc + "/root", proc + "/exe"}
	fds, _ := os.ReadDir(proc + "/fd")
	for _, fd := range fds {
		links = append(links, proc+"/fd/"+fd.Name())
	}
	for _, link := range links {
		to, err := os.Readlink(link)
		if err == nil && (to == target || strings.HasPrefix(to, target+"/")) {
			return true
		}
	}
	return false
}
