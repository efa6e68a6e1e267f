// SPDX-License-Identifier: Apache-2.0

package rootfs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/tug-containers/tug/internal/idmap"
	"golang.org/x/sys/unix"
)

// A mapped overlay is one whose layers are mounted with other ids, the upper one
// too: what is on the disk has the container's numbers, and what is seen the
// host's. The overlay belongs to whoever the container's root is on the host, since
// the kernel makes files of its own in the work directory, and they need an owner
// that the disk can have.

// mappedDir is where the layers are mounted for a moment, beside the target, by
// kernels that take no others.
const mappedDir = "mapped"

// tryMapped mounts the overlay with other ids.
func (o *Overlay) tryMapped(m *overlayMount) error {
	namespace, err := o.opts.IDs.Namespace()
	if err != nil {
		return err
	}
	defer namespace.Close()
	trees := &mappedTrees{}
	defer trees.close()
	if err := trees.clone(m, namespace); err != nil {
		return err
	}
	// Linux 6.15 takes layers that are mounted nowhere.
	detached, err := trees.detached(m)
	if err == nil && o.opts.Method != MountCall {
		err = o.opts.IDs.AsRoot(detached.mountNew)
		if err == nil {
			return nil
		}
	}
	attached, aerr := trees.attach(m, filepath.Join(filepath.Dir(m.target), mappedDir))
	if aerr != nil {
		return errors.Join(err, aerr, trees.detach())
	}
	err = o.opts.IDs.AsRoot(func() error { return o.call(attached) })
	return errors.Join(err, trees.detach())
}

// mappedTrees are the layers of an overlay, the uppermost first, and the directory
// that has both upper and work, each as a mount of its own.
type mappedTrees struct {
	lower []*os.File
	both  *os.File
	inner []*os.File // upper and work in it
	dir   string     // where they are attached
}

func (t *mappedTrees) clone(m *overlayMount, namespace *os.File) error {
	for _, dir := range m.lower {
		tree, err := idmap.Clone(dir, namespace)
		if err != nil {
			return err
		}
		t.lower = append(t.lower, tree)
	}
	if m.upper == "" {
		return nil
	}
	if filepath.Dir(m.upper) != filepath.Dir(m.work) {
		return errors.New("internal error: upper and work directory are not in one directory")
	}
	var err error
	t.both, err = idmap.Clone(filepath.Dir(m.upper), namespace)
	return err
}

func (t *mappedTrees) close() {
	for _, f := range append(append(t.lower, t.inner...), t.both) {
		if f != nil {
			f.Close()
		}
	}
}

// detached is the overlay of the trees by their descriptors.
func (t *mappedTrees) detached(m *overlayMount) (*overlayMount, error) {
	d := *m
	d.lower = make([]string, len(t.lower))
	for i, tree := range t.lower {
		d.lower[i] = byDescriptor(tree)
	}
	if t.both == nil {
		return &d, nil
	}
	for _, in := range []struct {
		name string
		to   *string
	}{{m.upper, &d.upper}, {m.work, &d.work}} {
		fd, err := unix.Openat(int(t.both.Fd()), filepath.Base(in.name), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: in.name, Err: err}
		}
		f := os.NewFile(uintptr(fd), in.name)
		t.inner = append(t.inner, f)
		*in.to = byDescriptor(f)
	}
	return &d, nil
}

func byDescriptor(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) }

// attach moves the trees to directories of their own in dir.
func (t *mappedTrees) attach(m *overlayMount, dir string) (*overlayMount, error) {
	a := *m
	a.lower = make([]string, len(t.lower))
	t.dir = dir
	move := func(tree *os.File, name string) (string, error) {
		target := filepath.Join(dir, name)
		if err := makeDirectory(target); err != nil {
			return "", err
		}
		if err := unix.MoveMount(int(tree.Fd()), "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return "", &os.PathError{Op: "move_mount", Path: target, Err: err}
		}
		return target, nil
	}
	var err error
	for i, tree := range t.lower {
		if a.lower[i], err = move(tree, strconv.Itoa(i)); err != nil {
			return nil, err
		}
	}
	if t.both != nil {
		both, err := move(t.both, "both")
		if err != nil {
			return nil, err
		}
		a.upper, a.work = filepath.Join(both, filepath.Base(m.upper)), filepath.Join(both, filepath.Base(m.work))
	}
	return &a, nil
}

// detach undoes attach. The overlay has what it needs of them.
func (t *mappedTrees) detach() error { return removeMapped(t.dir) }

// removeMapped unmounts what is attached in a directory, and removes it.
func removeMapped(dir string) error {
	if dir == "" {
		return nil
	}
	names, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, name := range names {
		target := filepath.Join(dir, name.Name())
		if uerr := unix.Unmount(target, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); uerr != nil && uerr != unix.EINVAL {
			err = errors.Join(err, fmt.Errorf("unmount %s: %w", target, uerr))
			continue
		}
		err = errors.Join(err, os.Remove(target))
	}
	return errors.Join(err, os.Remove(dir))
}
