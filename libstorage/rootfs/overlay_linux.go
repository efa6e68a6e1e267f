// SPDX-License-Identifier: Apache-2.0

package rootfs

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// errNoNewAPI: the kernel has no fsopen, or no lowerdir+.
var errNoNewAPI = errors.New("the kernel has no fsopen with lowerdir+")

// overlayMount is one mount of an overlay, ready for the kernel.
type overlayMount struct {
	lower       []string // absolute
	upper, work string
	target      string
	readOnly    bool
	flags       uintptr // MS_*
	options     []option
	fds         []int // of names that the kernel would misread
}

type option struct{ key, value string }

// mountFlags are the options that are not the file system's own.
var mountFlags = map[string]struct{ flag, attr uintptr }{
	"nodev":      {unix.MS_NODEV, unix.MOUNT_ATTR_NODEV},
	"nosuid":     {unix.MS_NOSUID, unix.MOUNT_ATTR_NOSUID},
	"noexec":     {unix.MS_NOEXEC, unix.MOUNT_ATTR_NOEXEC},
	"noatime":    {unix.MS_NOATIME, unix.MOUNT_ATTR_NOATIME},
	"nodiratime": {unix.MS_NODIRATIME, unix.MOUNT_ATTR_NODIRATIME},
	"relatime":   {unix.MS_RELATIME, unix.MOUNT_ATTR_RELATIME},
	"ro":         {unix.MS_RDONLY, unix.MOUNT_ATTR_RDONLY},
	"rw":         {},
}

func (m *overlayMount) set(key, value string) {
	for i := range m.options {
		if m.options[i].key == key {
			m.options[i].value = value
			return
		}
	}
	m.options = append(m.options, option{key, value})
}

// add takes further options; those that say what is laid over what are not
// among them.
func (m *overlayMount) add(options []string) error {
	for _, opt := range options {
		key, value, _ := strings.Cut(opt, "=")
		switch key {
		case "":
			continue
		case "lowerdir", "lowerdir+", "datadir+", "upperdir", "workdir":
			return fmt.Errorf("mount option %q is not for the user to set", key)
		}
		if strings.ContainsAny(opt, ", \t\n\\") {
			return fmt.Errorf("mount option %q has a character that does not belong there", opt)
		}
		if f, ok := mountFlags[key]; ok && value == "" {
			m.flags |= f.flag
			m.readOnly = m.readOnly || key == "ro"
			continue
		}
		m.set(key, value)
	}
	return nil
}

// mountNew mounts by the new interface: no limit on the number and length of
// names, and an error that says what the kernel did not like.
func (m *overlayMount) mountNew() error {
	defer m.closeNames()
	fsfd, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
			return errNoNewAPI // a seccomp filter answers EPERM
		}
		return fmt.Errorf("fsopen: %w", err)
	}
	defer unix.Close(fsfd)
	if err := m.configure(fsfd); err != nil {
		return err
	}
	if err := unix.FsconfigCreate(fsfd); err != nil {
		return kernelError(fsfd, "create", err)
	}
	attrs := uintptr(0)
	for _, f := range mountFlags {
		if f.flag != 0 && m.flags&f.flag == f.flag {
			attrs |= f.attr
		}
	}
	if m.readOnly {
		attrs |= unix.MOUNT_ATTR_RDONLY
	}
	mfd, err := unix.Fsmount(fsfd, unix.FSMOUNT_CLOEXEC, int(attrs))
	if err != nil {
		return kernelError(fsfd, "fsmount", err)
	}
	defer unix.Close(mfd)
	if err := unix.MoveMount(mfd, "", unix.AT_FDCWD, m.target, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("move_mount: %w", err)
	}
	return nil
}

func (m *overlayMount) configure(fsfd int) error {
	// The source is what the first column of the mount table says.
	if err := unix.FsconfigSetString(fsfd, "source", "overlay"); err != nil {
		return kernelError(fsfd, "source", err)
	}
	for i, l := range m.lower {
		name, err := m.name(l)
		if err != nil {
			return err
		}
		if err := unix.FsconfigSetString(fsfd, "lowerdir+", name); err != nil {
			if i == 0 && errors.Is(err, unix.EINVAL) && !exists(l+"/.") {
				return &os.PathError{Op: "open", Path: l, Err: unix.ENOENT}
			}
			if i == 0 && errors.Is(err, unix.EINVAL) {
				return errNoNewAPI // before 6.5: unknown parameter
			}
			return kernelError(fsfd, "lower directory "+l, err)
		}
	}
	if m.upper != "" {
		for _, d := range []option{{"upperdir", m.upper}, {"workdir", m.work}} {
			name, err := m.name(d.value)
			if err != nil {
				return err
			}
			if err := unix.FsconfigSetString(fsfd, d.key, name); err != nil {
				return kernelError(fsfd, d.key+" "+d.value, err)
			}
		}
	}
	if m.readOnly {
		if err := unix.FsconfigSetFlag(fsfd, "ro"); err != nil {
			return kernelError(fsfd, "ro", err)
		}
	}
	for _, o := range m.options {
		var err error
		if o.value == "" {
			err = unix.FsconfigSetFlag(fsfd, o.key)
		} else {
			err = unix.FsconfigSetString(fsfd, o.key, o.value)
		}
		if err != nil {
			return kernelError(fsfd, "option "+o.key, err)
		}
	}
	return nil
}

// kernelError adds what the kernel has to say about a failed step.
func kernelError(fsfd int, step string, err error) error {
	buf := make([]byte, 1024)
	var said []string
	for len(said) < 8 {
		n, rerr := unix.Read(fsfd, buf)
		if rerr != nil || n <= 0 {
			break
		}
		said = append(said, strings.TrimSpace(strings.TrimPrefix(string(buf[:n]), "e ")))
	}
	if len(said) > 0 {
		return fmt.Errorf("%s: %s: %w", step, strings.Join(said, "; "), err)
	}
	return fmt.Errorf("%s: %w", step, err)
}

// hostile are the characters that some kernel takes for its own in the name
// of a layer.
const hostile = ",:\\ \t\n\"#"

// name is what the kernel is given for a directory: the path itself where
// that is safe, else the path of a descriptor. fsconfig(2) takes at most 255
// bytes.
func (m *overlayMount) name(path string) (string, error) {
	if len(path) < 256 && !strings.ContainsAny(path, hostile) {
		return path, nil
	}
	fd, err := m.open(path)
	if err != nil {
		return "", err
	}
	return "/proc/self/fd/" + strconv.Itoa(fd), nil
}

func (m *overlayMount) open(path string) (int, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	m.fds = append(m.fds, fd)
	return fd, nil
}

func (m *overlayMount) closeNames() {
	for _, fd := range m.fds {
		unix.Close(fd)
	}
	m.fds = m.fds[:0]
}

func exists(path string) bool {
	var st unix.Stat_t
	return unix.Stat(path, &st) == nil
}

// mountOld mounts by mount(2). Names that are too long together, or that the
// kernel would misread, are given as numbers of descriptors, relative to
// /proc/thread-self/fd.
func (m *overlayMount) mountOld() error {
	defer m.closeNames()
	flags := m.flags
	if m.readOnly {
		flags |= unix.MS_RDONLY
	}
	data, plain := m.data(func(path string) (string, error) { return path, nil })
	if plain == nil && len(data) < unix.Getpagesize() && !m.hostile() {
		return m.call(m.target, flags, data)
	}
	data, err := m.data(func(path string) (string, error) {
		fd, err := m.open(path)
		return strconv.Itoa(fd), err
	})
	if err != nil {
		return err
	}
	if len(data) >= unix.Getpagesize() {
		return fmt.Errorf("%d layers: too many for mount(2)", len(m.lower))
	}
	done := make(chan error)
	go func() {
		// A thread with a working directory of its own. It is not unlocked,
		// and so ends with the goroutine.
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_FS)
		if err == nil {
			err = unix.Chdir("/proc/thread-self/fd")
		}
		if err == nil {
			err = m.call(m.target, flags, data)
		}
		done <- err
	}()
	return <-done
}

func (m *overlayMount) call(target string, flags uintptr, data string) error {
	if err := unix.Mount("overlay", target, "overlay", flags, data); err != nil {
		return &os.PathError{Op: "mount", Path: target, Err: err}
	}
	return nil
}

func (m *overlayMount) hostile() bool {
	for _, l := range m.lower {
		if strings.ContainsAny(l, hostile) {
			return true
		}
	}
	return strings.ContainsAny(m.upper+m.work, hostile)
}

// data is the option string of mount(2).
func (m *overlayMount) data(name func(string) (string, error)) (string, error) {
	var b strings.Builder
	b.WriteString("lowerdir=")
	for i, l := range m.lower {
		n, err := name(l)
		if err != nil {
			return "", err
		}
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(n)
	}
	if m.upper != "" {
		upper, err := name(m.upper)
		if err != nil {
			return "", err
		}
		work, err := name(m.work)
		if err != nil {
			return "", err
		}
		b.WriteString(",upperdir=" + upper + ",workdir=" + work)
	}
	for _, o := range m.options {
		b.WriteString("," + o.key)
		if o.value != "" {
			b.WriteString("=" + o.value)
		}
	}
	return b.String(), nil
}
