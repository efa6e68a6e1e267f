// SPDX-License-Identifier: Apache-2.0

package run

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
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
			return cli.UsageError(places[i], "%s: duplicate mount destination", places[i])
		}
	}
	return nil
}

// place checks the path in the container.
func place(flag, value, destination string) (string, error) {
	if !path.IsAbs(destination) || path.Clean(destination) == "/" || strings.IndexByte(destination, 0) >= 0 {
		return "", cli.UsageError(value, "%s %q: the place in the container must be an absolute path, and not /", flag, value)
	}
	return path.Clean(destination), nil
}

// isPath tells a path of the host from the name of a volume.
func isPath(s string) bool { return s != "" && (s[0] == '/' || s[0] == '.') }

// source makes a path of the host absolute.
func source(flag, value, s string) (string, error) {
	if s == "" || strings.IndexByte(s, 0) >= 0 {
		return "", cli.UsageError(value, "%s %q: no source", flag, value)
	}
	absolute, err := filepath.Abs(s)
	if err != nil {
		return "", cli.UsageError(value, "%s %q: %w", flag, value, err)
	}
	return absolute, nil
}

// parseVolume reads [SOURCE:]PLACE[:OPTION,...]. The source is a path or the name
// of a volume; without it the volume is an anonymous one.
func parseVolume(value string) (filesystems, error) {
	parts := strings.Split(value, ":")
	if len(parts) > 3 {
		return filesystems{}, cli.UsageError(value, "--volume %q: not [SOURCE:]PLACE[:OPTION,...]", value)
	}
	if len(parts) == 1 {
		to, err := place("--volume", value, value)
		return filesystems{volumes: []launch.Volume{{Anonymous: true, Destination: to}}}, err
	}
	to, err := place("--volume", value, parts[1])
	if err != nil {
		return filesystems{}, err
	}
	var options []string
	if len(parts) == 3 && parts[2] != "" {
		options = strings.Split(parts[2], ",")
	}
	if parts[0] != "" && !isPath(parts[0]) {
		return ofStore(value, launch.Volume{Name: parts[0], Destination: to}, options)
	}
	from, err := source("--volume", value, parts[0])
	if err != nil {
		return filesystems{}, err
	}
	return bindOrOverlay(value, from, to, options)
}

// ofStore completes a volume of the store: beside the options of a bind mount it
// has copy and nocopy.
func ofStore(value string, v launch.Volume, options []string) (filesystems, error) {
	if v.Name != "" {
		if err := libstorage.CheckVolumeName(v.Name); err != nil {
			return filesystems{}, err
		}
	}
	copies := false
	options = slices.DeleteFunc(options, func(option string) bool {
		copies = copies || option == "copy"
		v.NoCopy = v.NoCopy || option == "nocopy"
		return option == "copy" || option == "nocopy"
	})
	if copies && v.NoCopy {
		return filesystems{}, cli.UsageError(value, "mount %q: copy and nocopy exclude each other", value)
	}
	var err error
	options, v.IDMap = mapped(options)
	if v.Covered, v.Chown, v.Options, err = ourOptions(value, v.Destination, options); err != nil {
		return filesystems{}, err
	}
	return filesystems{volumes: []launch.Volume{v}}, nil
}

func bindOrOverlay(value, from, to string, options []string) (filesystems, error) {
	options, ids := mapped(options)
	overlay, chown, rest, err := ourOptions(value, to, options)
	switch {
	case err != nil:
		return filesystems{}, err
	case overlay:
		return filesystems{volumes: []launch.Volume{{Overlay: from, Destination: to, Options: rest, Chown: chown, IDMap: ids}}}, nil
	}
	return filesystems{mounts: []libexec.Mount{{Type: "bind", Source: from, Destination: to, Options: rest, Chown: chown, IDMap: ids}}}, nil
}

// mapped takes the option idmap out of a list.
func mapped(options []string) (rest []string, found bool) {
	rest = slices.DeleteFunc(slices.Clone(options), func(option string) bool { return option == "idmap" })
	return rest, len(rest) < len(options)
}

// ourOptions sorts out the options that no runtime sees: O asks for an overlay, U
// for the container's user as owner.
func ourOptions(value, to string, options []string) (overlay, chown bool, rest []string, err error) {
	for _, option := range options {
		name, _, _ := strings.Cut(option, "=")
		switch {
		case option == "O":
			overlay = true
		case option == "U":
			chown = true
		case name == "upperdir" || name == "workdir":
			return false, false, nil, unsupported(value, "mount %q: %s is not supported by this version", value, name)
		default:
			rest = append(rest, option)
		}
	}
	return overlay, chown, rest, libexec.CheckMountOptions("bind", to, rest)
}

// parseVolumesFrom reads CONTAINER[:OPTION,...].
func parseVolumesFrom(value string) (launch.VolumesFrom, error) {
	name, list, _ := strings.Cut(value, ":")
	from := launch.VolumesFrom{Container: name}
	if name == "" {
		return from, cli.UsageError(value, "--volumes-from %q: no container", value)
	}
	for _, option := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' }) {
		switch {
		case option == "z":
		case (option == "ro" || option == "rw") && from.Access == "":
			from.Access = option
		default:
			return from, cli.UsageError(value, "--volumes-from %q: the options are ro or rw, and z", value)
		}
	}
	return from, nil
}

// imageVolumes are the values of --image-volume. Bind is an older name.
func imageVolumes(value string) (string, error) {
	switch value {
	case launch.ImageVolumesAnonymous, "bind":
		return launch.ImageVolumesAnonymous, nil
	case launch.ImageVolumesTmpfs, launch.ImageVolumesIgnore:
		return value, nil
	}
	return "", cli.UsageError("--image-volume", "--image-volume %q: must be anonymous, bind, ignore or tmpfs", value)
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
