// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"io/fs"
	"os"
)

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
