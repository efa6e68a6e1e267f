// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// devices adds the devices that were asked for and, for a privileged
// container, those of the host. What else a container needs (null, zero,
// random, tty, ...) the runtime makes; everything else is denied.
func (b *builder) devices() error {
	if b.opts.Privileged {
		b.g.AddLinuxResourcesDevice(true, "", nil, nil, "rwm")
		found, err := deviceNodes("/dev", "/dev", true)
		if err != nil {
			return specErrorDevice("/dev", err)
		}
		for _, d := range found {
			b.addDevice(d, d.Path)
		}
	} else {
		b.g.AddLinuxResourcesDevice(false, "", nil, nil, "rwm")
	}
	for _, want := range b.opts.Devices {
		if err := b.device(want); err != nil {
			return err
		}
	}
	return nil
}

func specErrorDevice(name string, err error) error {
	return optionError(name, "device %s: %w", shorten(name), reason(err))
}

func (b *builder) device(want Device) error {
	source, destination, access := want.Source, want.Destination, want.Access
	if destination == "" {
		destination = source
	}
	if access == "" {
		access = "rwm"
	}
	if !filepath.IsAbs(source) || !path.IsAbs(destination) || strings.IndexByte(source+destination, 0) >= 0 {
		return optionError(source, "device %q: must be an absolute path", shorten(source))
	}
	if !validAccess(access) {
		return optionError(source, "device %s: access %q is not made of r, w and m", shorten(source), shorten(access))
	}
	st, err := os.Stat(source)
	if err != nil {
		return specErrorDevice(source, err)
	}
	var found []specs.LinuxDevice
	if st.IsDir() {
		found, err = deviceNodes(source, destination, false)
	} else {
		var d specs.LinuxDevice
		d, err = deviceNode(source, destination)
		found = append(found, d)
	}
	if err != nil {
		return specErrorDevice(source, err)
	}
	if len(found) == 0 {
		return optionError(source, "device %s: no device in this directory", shorten(source))
	}
	for _, d := range found {
		b.addDevice(d, source+strings.TrimPrefix(d.Path, path.Clean(destination)))
		b.g.AddLinuxResourcesDevice(true, d.Type, &d.Major, &d.Minor, access)
	}
	return nil
}

func validAccess(access string) bool {
	for i := range len(access) {
		if !strings.Contains("rwm", access[i:i+1]) || strings.Contains(access[:i], access[i:i+1]) {
			return false
		}
	}
	return access != ""
}

// deviceNode describes one node.
func deviceNode(source, destination string) (specs.LinuxDevice, error) {
	var st unix.Stat_t
	if err := unix.Stat(source, &st); err != nil {
		return specs.LinuxDevice{}, &fs.PathError{Op: "stat", Path: source, Err: err}
	}
	kind := ""
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFCHR:
		kind = "c"
	case unix.S_IFBLK:
		kind = "b"
	default:
		return specs.LinuxDevice{}, &fs.PathError{Op: "stat", Path: source, Err: errNotDevice}
	}
	mode := os.FileMode(st.Mode & 0o777)
	return specs.LinuxDevice{
		Path: path.Clean(destination), Type: kind,
		Major: int64(unix.Major(st.Rdev)), Minor: int64(unix.Minor(st.Rdev)),
		FileMode: &mode, UID: &st.Uid, GID: &st.Gid,
	}, nil
}

var errNotDevice = constError("not a device")

type constError string

func (e constError) Error() string { return string(e) }

// deviceNodes describes the nodes in a directory of the host. For the whole of
// /dev, what the container has of its own is left out.
func deviceNodes(source, destination string, all bool) ([]specs.LinuxDevice, error) {
	own := []string{"pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console", "tty", "ptmx", "null", "zero", "full", "random", "urandom"}
	var found []specs.LinuxDevice
	err := filepath.WalkDir(source, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if all && filepath.Dir(name) == source && slices.Contains(own, entry.Name()) {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if entry.Type()&fs.ModeDevice == 0 {
			return nil
		}
		d, err := deviceNode(name, path.Join(destination, strings.TrimPrefix(name, source)))
		if err != nil {
			return err
		}
		found = append(found, d)
		return nil
	})
	return found, err
}
