// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"go.podman.io/storage/pkg/mount"
	"golang.org/x/sys/unix"
)

// readOptions checks the options of the local driver, and takes from them who is
// to own the volume.
func (v *Volume) readOptions() error {
	for _, key := range slices.Sorted(maps.Keys(v.Options)) {
		switch key {
		case "type", "device", "o", "copy", "nocopy":
		default:
			return v.optionError("invalid mount option %s for driver 'local'", key)
		}
	}
	_, copied := v.Options["copy"]
	if copied && v.noCopy() {
		return v.optionError("copy and nocopy exclude each other")
	}
	for _, option := range v.mountOptions() {
		key, value, _ := strings.Cut(option, "=")
		switch key {
		case "uid", "gid":
			id, err := strconv.ParseUint(value, 10, 31)
			if err != nil {
				return v.optionError("%s is not a number", option)
			}
			n := int(id)
			if v.NeedsChown = false; key == "uid" {
				v.UID = &n
			} else {
				v.GID = &n
			}
		case "size", "inodes", "quota", "noquota":
			if !v.HasFilesystem() && key != "noquota" {
				return errclass.New(errclass.Unsupported, option, fmt.Errorf(
					"volume %s: option %s is not supported: a volume has no quota; type=tmpfs has a size", v.Name, option))
			}
		case "timeout":
			return errclass.New(errclass.Unsupported, option, fmt.Errorf("volume %s: option %s is not supported", v.Name, option))
		default:
			if !v.HasFilesystem() {
				return v.optionError("option %s needs a type or a device", option)
			}
		}
	}
	if v.HasFilesystem() {
		v.NeedsCopyUp, v.NeedsChown = false, false
		if v.Options["device"] == "" {
			return v.optionError("a type needs a device")
		}
	}
	return nil
}

func (v *Volume) optionError(format string, args ...any) error {
	return errclass.New(errclass.Usage, v.Name, fmt.Errorf("volume "+v.Name+": "+format, args...))
}

// HasFilesystem tells a volume with a file system of its own, which is mounted
// while a container runs with it, from one that is a directory of the store.
func (v *Volume) HasFilesystem() bool { return v.Options["type"] != "" || v.Options["device"] != "" }

// noCopy: the volume stays empty. The option needs no value.
func (v *Volume) noCopy() bool {
	_, set := v.Options["nocopy"]
	return set
}

// mountOptions are the elements of the option o.
func (v *Volume) mountOptions() []string {
	return strings.FieldsFunc(v.Options["o"], func(r rune) bool { return r == ',' })
}

// mount mounts the volume's file system, unless it is mounted.
func (v *heldVolume) mount() error {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, v.Path, unix.AT_SYMLINK_NOFOLLOW, 0, &st)
	if err != nil {
		return fmt.Errorf("%s: %w", v.Path, err)
	}
	if st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		return nil
	}
	kind, device := v.Options["type"], v.Options["device"]
	options := v.mountOptions()
	if kind != "tmpfs" { // which has them as its own
		options = slices.DeleteFunc(options, func(o string) bool {
			return strings.HasPrefix(o, "uid=") || strings.HasPrefix(o, "gid=")
		})
	}
	bind := slices.Contains(options, "bind") || slices.Contains(options, "rbind")
	if kind == "none" || kind == "bind" {
		if kind == "bind" && !bind {
			options, bind = append(options, "bind"), true
		}
		if kind = ""; !bind {
			return errors.New("type none needs the option bind")
		}
	}
	if err := mount.Mount(device, v.Path, kind, strings.Join(options, ",")); err != nil {
		return fmt.Errorf("mount %s: %w", device, err)
	}
	if kind == "" || kind == "tmpfs" {
		return nil
	}
	return v.chown(v.Path)
}
