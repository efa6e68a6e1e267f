// SPDX-License-Identifier: Apache-2.0

package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tug-containers/tug/internal/idmap"
	"golang.org/x/sys/unix"
)

// OverlayOptions say what is laid over what.
type OverlayOptions struct {
	// Lower are the directories below, the uppermost first. A relative path
	// is one beneath Base.
	Lower []string
	Base  string
	// Upper holds what is written, Work is the kernel's. Both empty: the
	// overlay is read-only.
	Upper, Work string
	// Target is where the overlay is mounted.
	Target string
	// Volatile: what is written need not survive a crash of the machine.
	// Without it, unmounting writes back the whole disk that Upper is on.
	Volatile bool
	// ReadOnly mounts with "ro", also where there is an Upper.
	ReadOnly bool
	// Reuse takes what is mounted on Target already for this overlay. The kernel
	// does not refuse to lay the same upper directory over something twice, and
	// nobody knows what comes of it.
	Reuse bool
	// Options are further mount options, as storage.conf's mountopt has them:
	// nodev, metacopy=on, ...
	Options []string
	// IDs are those of the container's user namespace. The directories are mounted
	// with them: what is on the disk keeps the container's numbers.
	IDs *idmap.Mapping
	// Method chooses the system calls; the zero value takes the best there is.
	Method Method
}

// Method is a way to ask the kernel for a mount.
type Method int

// The methods.
const (
	// Best is NewAPI where the kernel has it, else MountCall.
	Best Method = iota
	// NewAPI is fsopen(2) with one lowerdir+ for each layer (Linux 6.5).
	NewAPI
	// MountCall is mount(2), whose options must fit into a page.
	MountCall
)

// Overlay is an FS by the kernel's overlay file system.
type Overlay struct {
	opts    OverlayOptions
	mounted bool
}

// NewOverlay describes an overlay; Mount makes it.
func NewOverlay(opts OverlayOptions) *Overlay { return &Overlay{opts: opts} }

// Driver is "overlay".
func (o *Overlay) Driver() string { return "overlay" }

// Upper is the directory with what was written.
func (o *Overlay) Upper() string { return o.opts.Upper }

// Target is where the overlay is mounted.
func (o *Overlay) Target() string { return o.opts.Target }

// Mount makes the directories that are missing, and mounts the overlay.
func (o *Overlay) Mount(ctx context.Context) (string, error) {
	if o.mounted {
		return o.opts.Target, nil
	}
	if err := context.Cause(ctx); err != nil {
		return "", err
	}
	if o.opts.Reuse && Mounted(o.opts.Target) {
		o.mounted = true
		return o.opts.Target, nil
	}
	m, err := o.plan()
	if err == nil {
		err = o.try(m)
	}
	// Neither is the case when the caller made the directories, and nobody was
	// killed in here.
	if err != nil && o.clearVolatile() {
		err = o.try(m)
	}
	if errors.Is(err, fs.ErrNotExist) {
		if err = o.Make(); err == nil {
			o.clearVolatile()
			err = o.try(m)
		}
	}
	if err != nil {
		return "", fmt.Errorf("mount overlay on %s: %w", o.opts.Target, err)
	}
	o.mounted = true
	return o.opts.Target, nil
}

// plan turns the options into what the kernel gets.
func (o *Overlay) plan() (*overlayMount, error) {
	m := &overlayMount{upper: o.opts.Upper, work: o.opts.Work, target: o.opts.Target}
	if (m.upper == "") != (m.work == "") {
		return nil, errors.New("internal error: an upper directory needs a work directory")
	}
	m.lower = make([]string, len(o.opts.Lower), len(o.opts.Lower)+1)
	for i := range o.opts.Lower {
		m.lower[i] = o.lower(i)
	}
	if len(m.lower) == 0 || m.upper == "" && len(m.lower) == 1 {
		// The kernel wants one, and two when there is no upper. The mount
		// point is empty, and it is there.
		m.lower = append(m.lower, m.target)
	}
	// An index would refuse a lower directory that another overlay has been
	// given in another order, and costs directories of its own.
	m.set("index", "off")
	if o.opts.Volatile && m.upper != "" {
		m.set("volatile", "")
	}
	if o.opts.ReadOnly || m.upper == "" {
		m.readOnly = true
	}
	return m, m.add(o.opts.Options)
}

func (o *Overlay) lower(i int) string {
	l := o.opts.Lower[i]
	if filepath.IsAbs(l) {
		return l
	}
	return o.opts.Base + "/" + l
}

func (o *Overlay) try(m *overlayMount) error {
	if !o.opts.IDs.Identity() {
		return o.tryMapped(m)
	}
	return o.call(m)
}

func (o *Overlay) call(m *overlayMount) error {
	if o.opts.Method != MountCall {
		err := m.mountNew()
		if o.opts.Method == NewAPI || !errors.Is(err, errNoNewAPI) {
			return err
		}
	}
	return m.mountOld()
}

// Make makes the directories that are missing. The upper directory becomes
// the container's /, and so gets the mode and the owner of the image's.
// Mount does it when it has to; doing it before saves Mount an attempt.
func (o *Overlay) Make() error {
	for _, dir := range []string{o.opts.Target, o.opts.Work} {
		if err := makeDirectory(dir); err != nil {
			return err
		}
	}
	if o.opts.Upper == "" {
		return nil
	}
	mode, uid, gid := uint32(0o755), 0, 0
	var st unix.Stat_t
	if len(o.opts.Lower) > 0 && unix.Stat(o.lower(0), &st) == nil {
		mode, uid, gid = st.Mode&0o7777, int(st.Uid), int(st.Gid)
	}
	if err := makeDirectory(o.opts.Upper); err != nil {
		return err
	}
	if uid != 0 || gid != 0 {
		if err := os.Lchown(o.opts.Upper, uid, gid); err != nil {
			return err
		}
	}
	return unix.Chmod(o.opts.Upper, mode)
}

func makeDirectory(dir string) error {
	if dir == "" {
		return nil
	}
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(dir), 0o700); err == nil {
			err = os.Mkdir(dir, 0o700)
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// clearVolatile removes the mark that a volatile overlay leaves in its work
// directory, for which the kernel refuses to mount it again.
func (o *Overlay) clearVolatile() bool {
	mark := filepath.Join(o.opts.Work, "work", "incompat", "volatile")
	return o.opts.Volatile && exists(mark) && RemoveTree(mark) == nil
}

// Unmount takes the overlay from its target.
func (o *Overlay) Unmount() error {
	o.mounted = false
	err := Unmount(o.opts.Target)
	if !o.opts.IDs.Identity() { // somebody may have been killed in Mount
		err = errors.Join(err, removeMapped(filepath.Join(filepath.Dir(o.opts.Target), mappedDir)))
	}
	return err
}

// Remove unmounts, and deletes the target, the upper and the work directory.
func (o *Overlay) Remove() error {
	busy := o.Unmount()
	if _, ok := Busy(busy); busy != nil && !ok {
		return busy
	}
	err := os.Remove(o.opts.Target)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	for _, dir := range []string{o.opts.Upper, o.opts.Work} {
		if dir != "" {
			err = errors.Join(err, RemoveTree(dir))
		}
	}
	if err != nil {
		return err
	}
	return busy
}
