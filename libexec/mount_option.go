// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The options that a mount may have are a closed list: a runtime passes what
// it does not know on to the kernel, and some have been ways out of a
// container (CVE-2024-9407).

// flagOption gives the aspect of a mount that a plain option is about; two
// options about one aspect contradict each other.
func flagOption(option string) (aspect string, known bool) {
	switch option {
	case "ro", "rw":
		return "access", true
	case "exec", "noexec":
		return "exec", true
	case "dev", "nodev":
		return "dev", true
	case "suid", "nosuid":
		return "suid", true
	}
	return "", false
}

func propagationOption(option string) bool {
	switch option {
	case "shared", "rshared", "slave", "rslave", "private", "rprivate", "unbindable", "runbindable":
		return true
	}
	return false
}

// CheckMountOptions refuses options that are not of the closed list for a type
// of mount, or that contradict each other, before anything is done.
func CheckMountOptions(kind, destination string, options []string) error {
	_, err := mountOptions(kind, destination, options)
	return err
}

// mountOptions checks the options and completes them with the defaults.
func mountOptions(kind, destination string, options []string) ([]string, error) {
	seen := map[string]string{}
	var result []string
	for _, option := range options {
		aspect, keep, err := classifyOption(kind, destination, option)
		if err != nil {
			return nil, err
		}
		if before, there := seen[aspect]; there {
			if before == option {
				continue
			}
			return nil, mountError(destination, "mount %s: options %s and %s contradict each other", destination, before, option)
		}
		seen[aspect] = option
		if keep {
			result = append(result, option)
		}
	}
	return append(result, defaultMountOptions(kind, seen)...), nil
}

func defaultMountOptions(kind string, seen map[string]string) []string {
	type choice struct{ aspect, option string }
	defaults := []choice{{"access", "rw"}, {"propagation", "rprivate"}}
	if kind == "bind" {
		defaults = append(defaults, choice{"bind", "rbind"})
	} else {
		defaults = append(defaults, choice{"suid", "nosuid"}, choice{"dev", "nodev"}, choice{"copyup", "tmpcopyup"})
	}
	var options []string
	for _, d := range defaults {
		if _, there := seen[d.aspect]; !there {
			options = append(options, d.option)
		}
	}
	return options
}

// classifyOption gives what an option is about, and whether a runtime sees it.
func classifyOption(kind, destination, option string) (aspect string, keep bool, err error) {
	if aspect, known := flagOption(option); known {
		return aspect, true, nil
	}
	if propagationOption(option) {
		return "propagation", true, nil
	}
	switch {
	case kind == "bind" && (option == "bind" || option == "rbind"):
		return "bind", true, nil
	case kind == "bind" && (option == "z" || option == "Z"):
		return "label", false, nil // SELinux labels: accepted, as on a host without
	case kind == "bind" && (option == "idmap" || strings.HasPrefix(option, "idmap=")):
		return "", false, unsupportedError(destination, "mount %s: %s: of mappings, the container's own is supported, as idmap", destination, shorten(option))
	case kind == "tmpfs" && option == "tmpcopyup":
		return "copyup", true, nil
	case kind == "tmpfs" && option == "notmpcopyup":
		return "copyup", false, nil
	}
	name, value, hasValue := strings.Cut(option, "=")
	if kind == "tmpfs" && hasValue {
		if !validTmpfsValue(name, value) {
			return "", false, mountError(destination, "mount %s: option %q has a bad value", destination, shorten(option))
		}
		return name, true, nil
	}
	return "", false, mountError(destination, "mount %s: option %q is not known", destination, shorten(option))
}

func validTmpfsValue(name, value string) bool {
	switch name {
	case "size", "nr_blocks", "nr_inodes":
		digits := strings.TrimRight(value, "kKmMgG")
		if name == "size" {
			digits = strings.TrimSuffix(digits, "%")
		}
		_, err := strconv.ParseUint(digits, 10, 63)
		return err == nil && len(value)-len(digits) <= 1
	case "mode":
		n, err := strconv.ParseUint(value, 8, 32)
		return err == nil && n <= 0o7777
	case "uid", "gid":
		_, ok := principalID(value)
		return ok
	}
	return false
}

// specMount turns what was asked for into a mount of the specification.
func specMount(m Mount) (specs.Mount, error) {
	if !path.IsAbs(m.Destination) || strings.IndexByte(m.Destination, 0) >= 0 {
		return specs.Mount{}, mountError(m.Destination, "mount %q: the place in the container must be an absolute path", shorten(m.Destination))
	}
	destination := path.Clean(m.Destination)
	if destination == "/" {
		return specs.Mount{}, mountError(destination, "mount /: the container's root cannot be mounted over")
	}
	if m.Type != "bind" && m.Type != "tmpfs" {
		return specs.Mount{}, mountError(destination, "mount %s: type %q is not known", destination, shorten(m.Type))
	}
	options, err := mountOptions(m.Type, destination, m.Options)
	if err != nil {
		return specs.Mount{}, err
	}
	if m.Type == "tmpfs" {
		return specs.Mount{Destination: destination, Type: "tmpfs", Source: "tmpfs", Options: options}, nil
	}
	if !filepath.IsAbs(m.Source) || strings.IndexByte(m.Source, 0) >= 0 {
		return specs.Mount{}, mountError(m.Source, "mount %s: source %q must be an absolute path", destination, shorten(m.Source))
	}
	if _, err := os.Stat(m.Source); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return specs.Mount{}, mountError(m.Source, "mount %s: no such file or directory", m.Source)
		}
		return specs.Mount{}, mountError(m.Source, "mount %s: %w", m.Source, reason(err))
	}
	if m.Chown {
		if err := checkChown(m.Source); err != nil {
			return specs.Mount{}, err
		}
	}
	return specs.Mount{Destination: destination, Type: "bind", Source: m.Source, Options: options}, checkShared(m)
}

// checkShared refuses a propagation that the source's mount cannot have: the
// container would silently not see the host's later mounts.
func checkShared(m Mount) error {
	shared := slices.Contains(m.Options, "shared") || slices.Contains(m.Options, "rshared")
	slave := slices.Contains(m.Options, "slave") || slices.Contains(m.Options, "rslave")
	if !shared && !slave {
		return nil
	}
	source, err := filepath.EvalSymlinks(m.Source)
	if err != nil {
		return mountError(m.Source, "mount %s: %w", m.Source, reason(err))
	}
	infos, err := mountinfo.GetMounts(mountinfo.ParentsFilter(source))
	if err != nil {
		return mountError(m.Source, "mount %s: %w", m.Source, err)
	}
	var nearest *mountinfo.Info
	for _, info := range infos {
		if nearest == nil || len(info.Mountpoint) >= len(nearest.Mountpoint) {
			nearest = info
		}
	}
	if nearest == nil || !strings.Contains(nearest.Optional, "shared:") && !(slave && strings.Contains(nearest.Optional, "master:")) {
		return mountError(m.Source, "mount %s: not on a shared mount, so its propagation cannot be %s", m.Source, strings.Join(m.Options, ","))
	}
	return nil
}

// rootPropagation is what the mounts ask of the root's propagation.
func rootPropagation(mounts []specs.Mount) string {
	result := ""
	for _, m := range mounts {
		for _, option := range m.Options {
			switch option {
			case "shared", "rshared":
				return "shared"
			case "slave", "rslave":
				result = "rslave"
			}
		}
	}
	return result
}
