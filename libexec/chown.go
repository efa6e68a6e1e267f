// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// checkChown refuses to give the host's own directories to a container's user:
// the host would not start again. The list is podman's.
func checkChown(source string) error {
	real, err := filepath.EvalSymlinks(source)
	if err != nil {
		return mountError(source, "mount %s: %w", source, reason(err))
	}
	if slices.Contains([]string{
		"/", "/bin", "/boot", "/dev", "/etc", "/etc/passwd", "/etc/pki", "/etc/shadow", "/home", "/lib", "/lib64",
		"/media", "/opt", "/proc", "/root", "/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/usr/bin", "/usr/lib",
		"/usr/lib64", "/usr/sbin", "/var", "/var/lib", "/var/log",
	}, real) {
		return mountError(source, "mount %s: the host's own %s is not given to a container's user (option U)", source, real)
	}
	return nil
}

// chownTree gives a volume to a user: the file, or the directory and all in
// it. Links are changed, never followed: what is in a volume may have been
// put there by a container.
func chownTree(source string, uid, gid int) error {
	st, err := os.Stat(source)
	if err != nil {
		return err
	}
	if !st.IsDir() {
		return os.Chown(source, uid, gid)
	}
	root, err := os.OpenRoot(source)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return root.Lchown(name, uid, gid)
	})
}
