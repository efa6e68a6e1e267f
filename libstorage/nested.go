// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/rootdir"
	"github.com/tug-containers/tug/libstorage/copyup"
)

// nestedMark ends the name of a directory of mounts where others are mounted
// inside.
const nestedMark = "-nested"

// NestedMount is one mount of a Nest.
type NestedMount struct {
	// Source is a file or a directory of the host, mounted with what is mounted
	// below it if Recursive is set. Empty is a new tmpfs with the options in
	// Tmpfs, NAME=VALUE each; with CopyUp it begins with what its place has.
	Source    string
	Recursive bool
	Tmpfs     []string
	CopyUp    bool
	// Attr are flags as unix.MOUNT_ATTR_RDONLY.
	Attr uint64
}

// Nest is a directory of the host with others mounted inside, each at a place that
// was opened there and then: whoever changes the directory meanwhile leads no
// mount, and nothing that is made for one, to another place of the host
// (CVE-2021-30465, CVE-2024-45310). It is a mount at Path, in RunDir()/mounts, and
// goes with Cleanup or Remove. Close gives back a descriptor and nothing else.
type Nest struct {
	Path string
	root *rootdir.Dir
}

// MountNest mounts outer, which has a Source, as the outermost of a nest. On a
// kernel without the means (Linux 5.12 has them) the error is unix.ENOSYS.
func (c *Container) MountNest(outer NestedMount) (*Nest, error) {
	tree, err := outer.clone()
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	target := filepath.Join(c.runDir, mountsDir, strconv.Itoa(c.mounts)+nestedMark)
	c.mounts++
	if err := mkdir(target); err != nil {
		return nil, err
	}
	if err := unix.MoveMount(int(tree.Fd()), "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return nil, &os.PathError{Op: "move_mount", Path: target, Err: err}
	}
	root, err := rootdir.Open(target)
	if err != nil {
		return nil, err
	}
	return &Nest{Path: target, root: root}, nil
}

// Close ends the mounting.
func (n *Nest) Close() error { return n.root.Close() }

// Mount mounts m at a place of the nest, which is made if it is not there. The
// error names no place: the caller knows a better name.
func (n *Nest) Mount(ctx context.Context, place string, m NestedMount) error {
	directory := true
	var tree *os.File
	if m.Source != "" {
		var err error
		if tree, err = m.clone(); err != nil {
			return err
		}
		defer tree.Close()
		if directory, err = isDirectory(tree); err != nil {
			return err
		}
	}
	at, made, err := n.root.Place(place, directory)
	if err != nil {
		return inner(err)
	}
	defer at.Close()
	if is, err := isDirectory(at); err != nil || is != directory {
		return errors.Join(err, mismatch(directory))
	}
	if tree == nil {
		if tree, err = m.tmpfs(ctx, at, made); err != nil {
			return err
		}
		defer tree.Close()
	}
	err = unix.MoveMount(int(tree.Fd()), "", int(at.Fd()), "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	return os.NewSyscallError("move_mount", err)
}

// inner takes away the name of a place that only we have for it.
func inner(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

func mismatch(directory bool) error {
	if directory {
		return errors.New("there is a file, not a directory")
	}
	return errors.New("there is a directory, not a file")
}

func isDirectory(f *os.File) (bool, error) {
	var st unix.Stat_t
	err := unix.Fstat(int(f.Fd()), &st)
	return st.Mode&unix.S_IFMT == unix.S_IFDIR, os.NewSyscallError("stat", err)
}

// clone gives the mount, which is nowhere yet, and gives nothing on: what is
// mounted in it later stays in it.
func (m *NestedMount) clone() (*os.File, error) {
	flags, all := uint(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC), uint(unix.AT_EMPTY_PATH)
	if m.Recursive {
		flags, all = flags|unix.AT_RECURSIVE, all|unix.AT_RECURSIVE
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, m.Source, flags)
	if err != nil {
		return nil, &os.PathError{Op: "open_tree", Path: m.Source, Err: err}
	}
	tree := os.NewFile(uintptr(fd), m.Source)
	err = unix.MountSetattr(fd, "", all, &unix.MountAttr{Propagation: unix.MS_PRIVATE})
	if err == nil && m.Attr != 0 {
		err = unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: m.Attr})
	}
	if err != nil {
		tree.Close()
		return nil, &os.PathError{Op: "mount_setattr", Path: m.Source, Err: err}
	}
	return tree, nil
}

// tmpfs makes a new one for a place.
func (m *NestedMount) tmpfs(ctx context.Context, at *os.File, made bool) (tree *os.File, err error) {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("fsopen", err)
	}
	defer unix.Close(fs)
	asked := map[string]bool{}
	for _, option := range m.Tmpfs {
		name, value, _ := strings.Cut(option, "=")
		asked[name] = true
		if err := unix.FsconfigSetString(fs, name, value); err != nil {
			return nil, fmt.Errorf("tmpfs: option %s: %w", option, err)
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, os.NewSyscallError("fsconfig", err)
	}
	// Read-only once it is filled.
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fsmount", err)
	}
	tree = os.NewFile(uintptr(fd), "tmpfs")
	if !made {
		err = m.fill(ctx, at, tree, asked)
	}
	if err == nil && m.Attr != 0 {
		err = os.NewSyscallError("mount_setattr", unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: m.Attr}))
	}
	if err != nil {
		tree.Close()
		return nil, err
	}
	return tree, nil
}

// fill gives a new tmpfs what it takes from its place: the content with owner and
// mode, or the mode alone, but for what was asked for.
func (m *NestedMount) fill(ctx context.Context, at, tree *os.File, asked map[string]bool) (err error) {
	from, err := openThere(at)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := openThere(tree)
	if err != nil {
		return err
	}
	defer to.Close()
	var place, root unix.Stat_t
	if err := errors.Join(unix.Fstat(int(from.Fd()), &place), unix.Fstat(int(to.Fd()), &root)); err != nil {
		return os.NewSyscallError("stat", err)
	}
	if m.CopyUp {
		if err := copyup.Copy(ctx, from, to); err != nil {
			return fmt.Errorf("copy what is there: %w", err)
		}
		if asked["uid"] || asked["gid"] {
			err = unix.Fchown(int(to.Fd()), int(root.Uid), int(root.Gid))
		}
	}
	if !asked["mode"] {
		root.Mode = place.Mode
	}
	return os.NewSyscallError("chown", errors.Join(err, unix.Fchmod(int(to.Fd()), root.Mode&0o7777)))
}

// openThere opens a directory for reading of which there is a descriptor that
// stands for it.
func openThere(at *os.File) (*os.File, error) {
	fd, err := unix.Openat(int(at.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("open", err)
	}
	return os.NewFile(uintptr(fd), at.Name()), nil
}

// detach takes away a nest with all that is in it. It is nobody's working
// directory: containers have copies.
func detach(target string) error {
	err := unix.Unmount(target, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
		return nil // it got no further than its directory
	}
	if err != nil {
		return &os.PathError{Op: "unmount", Path: target, Err: err}
	}
	return nil
}
