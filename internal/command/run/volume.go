// SPDX-License-Identifier: Apache-2.0

package run

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libexec"
)

// filesystems are the mounts of a command line: those that a runtime makes from
// what is there, and those that the store has a part in.
type filesystems struct {
	mounts  []libexec.Mount
	volumes []launch.Volume
}

// filesystems reads --volume, --mount and --tmpfs.
func (f *flags) filesystems() (filesystems, error) {
	var all filesystems
	for _, group := range []struct {
		values []string
		parse  func(string) (filesystems, error)
	}{{f.volumes, parseVolume}, {f.mounts, parseMount}, {f.tmpfs, parseTmpfs}} {
		for _, value := range group.values {
			one, err := group.parse(value)
			if err != nil {
				return filesystems{}, err
			}
			all.mounts = append(all.mounts, one.mounts...)
			all.volumes = append(all.volumes, one.volumes...)
		}
	}
	return all, all.checkPlaces()
}

// checkPlaces refuses two mounts at one place.
func (f *filesystems) checkPlaces() error {
	var places []string
	for _, m := range f.mounts {
		places = append(places, m.Destination)
	}
	for _, v := range f.volumes {
		places = append(places, v.Destination)
	}
	slices.Sort(places)
	for i := 1; i < len(places); i++ {
		if places[i] == places[i-1] {
			return usage(places[i], "%s: duplicate mount destination", places[i])
		}
	}
	return nil
}

// place checks the path in the container.
func place(flag, value, destination string) (string, error) {
	if !path.IsAbs(destination) || path.Clean(destination) == "/" || strings.IndexByte(destination, 0) >= 0 {
		return "", usage(value, "%s %q: the place in the container must be an absolute path, and not /", flag, value)
	}
	return path.Clean(destination), nil
}

// source makes a path of the host absolute. What is no path would be the name
// of a volume.
func source(flag, value, s string) (string, error) {
	if s == "" || strings.IndexByte(s, 0) >= 0 {
		return "", usage(value, "%s %q: no source", flag, value)
	}
	if s[0] != '/' && s[0] != '.' {
		return "", unsupported(value, "%s %q: named volumes are not supported by this version; for a directory say ./%s", flag, value, s)
	}
	absolute, err := filepath.Abs(s)
	if err != nil {
		return "", usage(value, "%s %q: %w", flag, value, err)
	}
	return absolute, nil
}

// parseVolume reads SOURCE:PLACE[:OPTION,...].
func parseVolume(value string) (filesystems, error) {
	parts := strings.Split(value, ":")
	if len(parts) == 1 {
		return filesystems{}, unsupported(value, "--volume %q: anonymous volumes are not supported by this version", value)
	}
	if len(parts) > 3 {
		return filesystems{}, usage(value, "--volume %q: not SOURCE:PLACE[:OPTION,...]", value)
	}
	from, err := source("--volume", value, parts[0])
	if err != nil {
		return filesystems{}, err
	}
	to, err := place("--volume", value, parts[1])
	if err != nil {
		return filesystems{}, err
	}
	var options []string
	if len(parts) == 3 && parts[2] != "" {
		options = strings.Split(parts[2], ",")
	}
	return bindOrOverlay(value, from, to, options)
}

// bindOrOverlay sorts out the options that are ours: O asks for an overlay, U
// for the container's user as owner.
func bindOrOverlay(value, from, to string, options []string) (filesystems, error) {
	var overlay, chown bool
	var rest []string
	for _, option := range options {
		name, _, _ := strings.Cut(option, "=")
		switch {
		case option == "O":
			overlay = true
		case option == "U":
			chown = true
		case name == "upperdir" || name == "workdir":
			return filesystems{}, unsupported(value, "mount %q: %s is not supported by this version", value, name)
		default:
			rest = append(rest, option)
		}
	}
	if err := libexec.CheckMountOptions("bind", to, rest); err != nil {
		return filesystems{}, err
	}
	if !overlay {
		return filesystems{mounts: []libexec.Mount{{Type: "bind", Source: from, Destination: to, Options: rest, Chown: chown}}}, nil
	}
	return filesystems{volumes: []launch.Volume{{Overlay: from, Destination: to, Options: rest, Chown: chown}}}, nil
}

// parseTmpfs reads PLACE[:OPTION,...].
func parseTmpfs(value string) (filesystems, error) {
	destination, list, _ := strings.Cut(value, ":")
	to, err := place("--tmpfs", value, destination)
	if err != nil {
		return filesystems{}, err
	}
	var options []string
	if list != "" {
		options = strings.Split(list, ",")
	}
	if err := libexec.CheckMountOptions("tmpfs", to, options); err != nil {
		return filesystems{}, err
	}
	return filesystems{mounts: []libexec.Mount{{Type: "tmpfs", Destination: to, Options: options}}}, nil
}
