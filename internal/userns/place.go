// SPDX-License-Identifier: Apache-2.0

package userns

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"github.com/moby/sys/user"
	"github.com/tug-containers/tug/internal/errclass"
	"golang.org/x/sys/unix"
)

// Prepare sets what a login session would: HOME, and XDG_RUNTIME_DIR to a
// directory that is the user's alone. Cron, su, sudo and CI leave them out, or
// leave those of somebody else. All libraries of the field, and the programs that
// we start, go by these variables. say is told, once, where the latter is when it
// is not the session's.
func Prepare(say func(string)) error {
	uid := os.Geteuid()
	if os.Getenv("HOME") == "" {
		u, err := user.LookupUid(uid)
		if err != nil || u.Home == "" {
			return errclass.New(errclass.Usage, "HOME", fmt.Errorf("HOME is not set, and the passwd file knows no home directory of user %d", uid))
		}
		if err := os.Setenv("HOME", u.Home); err != nil {
			return err
		}
	}
	session := os.Getenv("XDG_RUNTIME_DIR")
	if session != "" && private(session) == nil {
		return nil
	}
	dir, made, err := runtimeDir(uid)
	if err != nil {
		return err
	}
	if made {
		why := "XDG_RUNTIME_DIR is not set"
		if session != "" {
			why = "XDG_RUNTIME_DIR is " + session + ", which is not a directory of this user alone"
		}
		say(why + ": what runs is noted in " + dir)
	}
	return os.Setenv("XDG_RUNTIME_DIR", dir)
}

// runtimeDir finds a directory in place of the session's, or makes one.
func runtimeDir(uid int) (dir string, made bool, err error) {
	number := strconv.Itoa(uid)
	if dir = "/run/user/" + number; private(dir) == nil {
		return dir, false, nil
	}
	var all error
	for _, dir := range []string{"/tmp/tug-run-" + number, "/var/tmp/tug-run-" + number} {
		err := unix.Mkdir(dir, 0o700)
		made := err == nil
		if err == nil || errors.Is(err, unix.EEXIST) {
			err = private(dir)
		}
		if err == nil {
			return dir, made, nil
		}
		all = errors.Join(all, fmt.Errorf("%s: %w", dir, err))
	}
	return "", false, errclass.New(errclass.Usage, "XDG_RUNTIME_DIR", fmt.Errorf(
		"no directory for what runs: XDG_RUNTIME_DIR names none of this user, /run/user/%s is none, and %w", number, all))
}

var (
	errNotDirectory = errors.New("not a directory")
	errNotOurs      = errors.New("owned by another user")
	errNotPrivate   = errors.New("others may write to it")
)

// private tells whether a path is a directory, no link, that only this user can
// write to.
func private(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return errNotDirectory
	case !ok || int(st.Uid) != os.Geteuid():
		return errNotOurs
	case info.Mode().Perm()&0o022 != 0 || info.Mode().Perm()&0o700 != 0o700:
		return errNotPrivate
	}
	return nil
}
