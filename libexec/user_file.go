// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"bytes"
	"errors"
	"path"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/rootdir"
)

// userFilesIn reads the files of a root file system.
func userFilesIn(root *rootdir.Dir) userFiles {
	return func(name string) ([]byte, error) { return readUserFile(root, name, name) }
}

// userFiles reads what the container will see: a file that is mounted over the
// image's counts.
func (b *builder) userFiles(name string) ([]byte, error) {
	for _, m := range b.opts.Mounts {
		if m.Type != "bind" {
			continue
		}
		switch path.Clean(m.Destination) {
		case name:
			source, err := filepath.EvalSymlinks(m.Source)
			if err != nil {
				return nil, mountError(m.Source, "mount %s: %w", m.Source, reason(err))
			}
			return mountedUserFile(filepath.Dir(source), filepath.Base(source), name)
		case path.Dir(name):
			return mountedUserFile(m.Source, path.Base(name), name)
		}
	}
	return userFilesIn(b.root)(name)
}

func mountedUserFile(dir, file, name string) ([]byte, error) {
	root, err := rootdir.Open(dir)
	if errIsNotExist(err) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil // the mount itself is refused later
	}
	if err != nil {
		return nil, userError(name, "%s in the container: %w", name, reason(err))
	}
	defer root.Close()
	return readUserFile(root, file, name)
}

// readUserFile reads a file that is called name in the container. A link to
// where the kernel's file systems will be is refused: what is nothing to us is
// an endless file to a runtime that looks again, in the container.
func readUserFile(root *rootdir.Dir, file, name string) ([]byte, error) {
	if to, _, kernels, err := root.Resolve(file, underKernelMount); err == nil && kernels {
		return nil, userError(name, "%s in the container: it leads to %s", name, shorten(to))
	}
	data, err := root.ReadFile(file, maxUserFile)
	if errIsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, userError(name, "%s in the container: %w", name, reason(err))
	}
	for line := range bytes.Lines(data) {
		if len(line) > maxUserLine {
			return nil, userError(name, "%s in the container: a line of more than %d bytes", name, maxUserLine)
		}
	}
	return data, nil
}
