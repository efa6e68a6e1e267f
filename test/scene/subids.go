// SPDX-License-Identifier: Apache-2.0

package scene

import (
	"bytes"
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// SubIDs gives the user "containers", whose numbers --userns auto takes, the range
// that podman's manual names, unless the machine has one for him.
func SubIDs() error {
	for _, file := range []string{"/etc/subuid", "/etc/subgid"} {
		if err := addSubIDs(file, "containers:2147483647:2147483648\n"); err != nil {
			return err
		}
	}
	return nil
}

func addSubIDs(file, line string) (err error) {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	data, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if bytes.HasPrefix(data, []byte("containers:")) || bytes.Contains(data, []byte("\ncontainers:")) {
		return nil
	}
	if len(data) > 0 && data[len(data)-1] != '\n' {
		line = "\n" + line
	}
	_, err = f.WriteString(line)
	return err
}
